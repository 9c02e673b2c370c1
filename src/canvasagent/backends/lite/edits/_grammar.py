"""Prompt to plan: quotation marks, clauses, frames. Knows no edit; the vocabulary is passed in.

A prompt may fall into clauses at any separator ("and", "then", a comma, a full stop), but only where every part
is understood; among the ways to cut it the one with the longest first clauses wins. So "turn it black and white and
add a vignette" is two clauses and not three. What is not understood is told clause by clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from canvasagent.backends.lite.edits._amounts import strength_of, strip_amounts
from canvasagent.backends.lite.edits._frames import CLASSES, FORBID, FRAMES, KEEP, LEADING, REST, SEPARATOR, TRAILING
from canvasagent.backends.lite.edits._places import is_noun_phrase, is_picture, parse_where
from canvasagent.backends.lite.edits._spec import BACKGROUND, WHOLE, Edit, Keep, Plan, Step
from canvasagent.english.quotations import QUOTED

MAX_CHARACTERS = 2000
"""Longer prompts are not read."""
MAX_PIECES = 40
"""Prompts with more separators are not read."""
_LONGEST = 5
"""A clause spans at most this many pieces."""
_FLIPS = re.compile(r"less|not so|not as|(?:.* )?too(?: much)?", re.IGNORECASE)
_TOKEN = re.compile(r"\x02(\d+)\x03")
_FORBIDDEN = re.compile(rf"{FORBID} (?P<rest>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Group:
    """Words of one edit and one part of speech, with the frames that they may stand in."""

    edit: str
    sign: int
    part: str
    words: tuple[str, ...]
    gate: re.Pattern[str]
    """Found in every clause that can match: most edits are ruled out by it, and their frames never compiled."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """The vocabulary of some edits."""

    edits: Mapping[str, Edit]
    groups: tuple[_Group, ...]
    masked: bool = False
    """Whether a mask is given, so that "it" is a place."""


def compile_grammar(edits: Mapping[str, Edit]) -> Grammar:
    """Group every edit's words by part of speech."""
    groups = [
        _Group(name, words.sign, part, vocabulary, compile_frame("{word}", vocabulary))
        for name, edit in edits.items()
        for words in edit.words
        for part in FRAMES
        for vocabulary in _without_double_slots(getattr(words, part))
    ]
    return Grammar(edits, tuple(groups))


def _without_double_slots(vocabulary: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words in groups that may share a pattern: those with slots stand alone, for a slot has one name."""
    plain = tuple(word for word in vocabulary if "{" not in word and "(?P<" not in word)
    return [*([plain] if plain else []), *((word,) for word in vocabulary if word not in plain)]


@cache
def compile_frame(frame: str, vocabulary: tuple[str, ...]) -> re.Pattern[str]:
    """A frame of `FRAMES` or `KEEP` with an edit's words in it."""
    text = frame.replace("{word}", f"(?:{'|'.join(f'(?:{word})' for word in vocabulary)})")
    count = 0

    def expand(match: re.Match[str]) -> str:
        nonlocal count
        if match[1] != "amt":
            return CLASSES[match[1]]
        count += 1
        return CLASSES["amt"].replace("(?:(?:", f"(?:(?P<amt{count}>", 1)

    return re.compile(re.sub(r"\{([a-z]\w*)\}", expand, text), re.IGNORECASE)


def parse(prompt: str, grammar: Grammar, masked: bool = False) -> Plan:
    """Understand `prompt`, given with a mask or not. Never raises: what is not understood is in `unknown`."""
    grammar = replace(grammar, masked=masked)
    text, quotes = _hide_quotes(prompt)
    pieces = _pieces(text)
    if len(prompt) > MAX_CHARACTERS or len(pieces) > MAX_PIECES:
        return Plan(unknown=(prompt[:60] + " …",))
    done: list[Step | Keep | None] = []
    unknown: list[str] = []
    while pieces:
        found = _cut(text, pieces, grammar, {})
        done += found.clauses
        rest = pieces[found.rest :]
        if rest:
            count = _unknown_pieces(text, rest, grammar)
            unknown.append(_restore(text[rest[0][0] : rest[count - 1][1]], quotes))
            rest = rest[count:]
        pieces = rest
    items = [_restored(item, quotes) for item in done if item is not None]
    steps = _share_places(items)
    unknown += [step.clause for step in steps if not step.edit]
    keeps = tuple(item for item in items if isinstance(item, Keep))
    return Plan(tuple(step for step in steps if step.edit), keeps, tuple(unknown))


def _unknown_pieces(text: str, pieces: list[tuple[int, int]], grammar: Grammar) -> int:
    """How many pieces the unknown clause has that starts with the first: "replace the cat with a dog" is one clause."""
    count = 1
    while count < len(pieces):
        between = text[pieces[count - 1][1] : pieces[count][0]]
        following = _cut(text, pieces[count:], grammar, {}).clauses
        says_something = bool(following) and not (isinstance(following[0], Step) and not following[0].edit)
        if between.strip().lower() != "with" or says_something:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class _Cut:
    clauses: tuple[Step | Keep | None, ...]
    rest: int


def _cut(text: str, pieces: list[tuple[int, int]], grammar: Grammar, known: dict[int, _Cut], first: int = 0) -> _Cut:
    """The way to cut the pieces from `first` on that is understood furthest."""
    if first == len(pieces):
        return _Cut((), first)
    if first in known:
        return known[first]
    best = _Cut((), first)
    for last in range(min(len(pieces), first + _LONGEST), first, -1):
        clause = text[pieces[first][0] : pieces[last - 1][1]]
        for item in _readings(clause, grammar):
            rest = _cut(text, pieces, grammar, known, last)
            if rest.rest > best.rest or (rest.rest == best.rest and not best.clauses):
                best = _Cut((item, *rest.clauses), rest.rest)
            break
        if best.rest == len(pieces):
            break
    known[first] = best
    return best


def _readings(clause: str, grammar: Grammar) -> Iterator[Step | Keep | None]:
    """What a clause may mean; None is a clause that says nothing, such as "please"."""
    plain = _plain(clause)
    if not plain:
        yield None
        return
    for frame in KEEP:
        if match := compile_frame(frame, ()).fullmatch(plain):
            place = match["where"]
            if REST.fullmatch(place.strip()):
                yield None
            elif where := parse_where(place):
                yield Keep(where, None, clause.strip())
    if step := read_clause(plain, grammar):
        yield step
    if match := _FORBIDDEN.fullmatch(plain):
        rest = match["rest"]
        step = read_clause(rest, grammar) or read_clause(re.sub(r"^(\w+?)ing\b", r"\1e", rest), grammar)
        step = step or read_clause(re.sub(r"^(\w+?)(\w)?\2?ing\b", r"\1\2", rest), grammar)
        if step:
            yield Keep(step.where, step.edit, clause.strip())
    if is_noun_phrase(plain) and (where := parse_where(plain)):
        yield Step("", 1, 1.0, where, {}, clause.strip())


def read_clause(clause: str, grammar: Grammar) -> Step | None:
    """One clause as a step of one edit: the frame that leaves the fewest letters to open slots wins."""
    bare, outer = strip_amounts(clause)
    best: tuple[int, Step] | None = None
    for words, amounts in ((bare, outer), (clause, [])):
        for step, match in _matches(words, amounts, clause, grammar):
            groups = match.groupdict()
            said = [groups.get(slot) or "" for slot in ("where", "old", "new", "thing")]
            cost = sum(map(len, said)) - (len(said[0]) if is_picture(said[0]) else 0)
            if best is None or cost < best[0]:
                best = cost, step
        if best:
            break
    return best[1] if best else None


def _matches(words: str, amounts: list[str], clause: str, grammar: Grammar) -> Iterator[tuple[Step, re.Match[str]]]:
    """Every edit that `words` can ask for."""
    for group in grammar.groups:
        if not group.gate.search(words):
            continue
        for frame in FRAMES[group.part]:
            match = compile_frame(frame, group.words).fullmatch(words)
            step = match and _step(group, match, amounts, clause, grammar)
            if match and step:
                yield step, match


def _step(group: _Group, match: re.Match[str], outer: list[str], clause: str, grammar: Grammar) -> Step | None:
    edit = grammar.edits[group.edit]
    groups = match.groupdict()
    behind = groups.pop("background", None) is not None  # the words name an effect of the background: 'bokeh'
    where = BACKGROUND if behind else edit.where
    if (place := groups.pop("where", None)) is not None:
        parsed = parse_where(place)
        if parsed is None:
            return None
        where = BACKGROUND if behind and parsed == WHOLE else parsed
    if edit.needs_place and where == WHOLE and not grammar.masked:
        return None
    if edit.places and where.kind not in edit.places:
        return None
    sign = group.sign
    if _FLIPS.fullmatch(groups.pop("sense", None) or ""):
        sign = -sign
    if groups.pop("lower", None) is not None:
        sign = -sign
    if sign not in {words.sign for words in edit.words}:
        return None
    amounts = outer + [groups[key] for key in sorted(groups) if key.startswith("amt") and groups[key]]
    values = {key: value.strip() for key, value in groups.items() if value and not key.startswith("amt")}
    if not edit.check(values):
        return None
    values["form"] = group.part if place is None else f"{group.part} place"
    return Step(group.edit, sign, strength_of(amounts, edit.strength), where, values, clause)


def _share_places(items: list[Step | Keep]) -> list[Step]:
    """Ellipsis: "the circle brighter and warmer" is warmer there too; "blur the face and the text" blurs both."""
    steps = [item for item in items if isinstance(item, Step)]
    for index, step in enumerate(steps):
        before = steps[index - 1] if index else None
        form = step.values.get("form")
        if not step.edit:
            if before and before.edit and before.where != WHOLE:
                step = replace(before, where=step.where, clause=step.clause)
        elif form == "adjectives" and before and before.values.get("form") == "adjectives place":
            step = replace(step, where=before.where, values={**step.values, "form": "adjectives place"})
        elif form == "verbs" and index + 1 < len(steps) and steps[index + 1].values.get("form") == "verbs place":
            step = replace(step, where=steps[index + 1].where)
        steps[index] = step
    return steps


def _plain(clause: str) -> str:
    """A clause without politeness, end marks and doubled spaces."""
    clause = _PRAISE.sub("", " ".join(clause.split()).strip(" .,;:!?-"))
    while True:
        shorter = TRAILING.sub("", LEADING.sub("", f"{clause} ", count=1).strip(), count=1).strip(" .,;:!?-")
        if re.fullmatch(LEADING.pattern.removesuffix(r"\s+"), shorter, re.IGNORECASE) or shorter.lower() in _EMPTY:
            return ""
        if shorter == clause:
            return clause
        clause = shorter


_PRAISE = re.compile(r"(?<=\ba )(?:nice|lovely|pleasant|pretty|cool|beautiful|good|proper) (?=[a-z])", re.IGNORECASE)
"""Adjectives that say nothing about an effect: 'a nice bokeh'."""
_EMPTY = {"please", "thanks", "thank you", "for me", "too", "as well"}


def _pieces(text: str) -> list[tuple[int, int]]:
    """The spans between separators."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in SEPARATOR.finditer(text):
        if text[start : match.start()].strip():
            spans.append((start, match.start()))
            start = match.end()
        elif match.end() > match.start():
            start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


def _hide_quotes(prompt: str) -> tuple[str, list[str]]:
    """The prompt with every quotation as one token, and what was quoted."""
    quotes: list[str] = []

    def hide(match: re.Match[str]) -> str:
        quotes.append(next(group for group in match.groups() if group is not None))
        return f"\x02{len(quotes) - 1}\x03"

    clean = "".join(
        character for character in prompt.replace("’", "'") if character.isprintable() or character in "\n\t"
    )
    return QUOTED.sub(hide, clean), quotes


def _restore(text: str, quotes: list[str], marks: str = "'") -> str:
    return _TOKEN.sub(lambda match: f"{marks}{quotes[int(match[1])]}{marks}", text).strip()


def _restored(item: Step | Keep, quotes: list[str]) -> Step | Keep:
    where = replace(item.where, name=_restore(item.where.name, quotes, ""))
    clause = _restore(item.clause, quotes)
    if isinstance(item, Keep):
        return replace(item, where=where, clause=clause)
    # What is added may have words on it, which stay marked as such; elsewhere the words themselves are the value.
    values = {key: _restore(value, quotes, "'" * (key == "thing")) for key, value in item.values.items()}
    return replace(item, where=where, clause=clause, values=values)
