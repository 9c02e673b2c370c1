"""What a phrase asks for, in the words that the lite Grounding understands (`words.toml` and the lexicon)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.backends.lite.shapes import LIKENESS
from canvasagent.english.colors import HsvRange, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.english.noun_phrase import (
    Entry,
    NounPhrase,
    Token,
    Vocabulary,
    noun_phrase,
    words_for_order,
    words_for_things,
)
from canvasagent.english.nouns import plural
from canvasagent.english.quotations import QUOTED


@dataclass(frozen=True)
class Query(NounPhrase):
    """A noun phrase, and what is looked for. One with any word `unknown` is to be refused."""

    kind: str = ""
    """face, head, text, object, area or shape; empty where the phrase names nothing."""
    shape: str = ""
    """The shape's name, for kind shape."""
    whole_line: bool = False
    """Whether the line that holds the quoted text is meant (a sign), or only the words themselves."""
    board: bool = False
    """Whether the board that the text stands on is meant."""
    refused: str = ""
    """The sort of thing (person, animal) that was asked for and is known not to be found."""


@cache
def vocabulary() -> dict[str, Any]:
    """`words.toml`, as it is."""
    return tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))


@cache
def _known() -> Vocabulary:
    return Vocabulary([*nouns(), *words_for_finding()])


def nouns() -> Iterator[Entry]:
    """Nouns, each with the field of a query that it sets, and the value."""
    words = vocabulary()
    shapes = {name: names for name, names in lexicon()["shapes"].items() if name in LIKENESS}
    for field, table in (("kind", words["kinds"]), ("shape", shapes), ("refused", words["refused"]["words"])):
        for name, forms in table.items():
            yield from ((noun, "noun", (field, name)) for noun in forms)
            yield from ((plural(noun), "nouns", (field, name)) for noun in forms)


def words_for_finding() -> Iterator[Entry]:
    """The words that may go with a noun where something is looked for."""
    yield from words_for_order()
    yield from words_for_things()
    yield from ((word, "filler", None) for word in vocabulary()["filler"])


def parse(phrase: str) -> Query:
    """Take `phrase` apart. Nothing is guessed: what is not understood is listed in `unknown`."""
    rest, quoted = phrase.strip().rstrip(".!?"), ""
    if found := QUOTED.search(rest):
        quoted = next(group for group in found.groups() if group is not None).strip()
        rest = rest[: found.start()] + " " + rest[found.end() :]
    rest, quoted = _split_quoted(rest, quoted)
    tokens = _known().tokens(rest)
    named = [at for at, token in enumerate(tokens) if _is_named(token, tokens[at + 1 :], quoted)]
    quoted = quoted or " ".join(tokens[at].text for at in named)
    return _settled(noun_phrase([token for at, token in enumerate(tokens) if at not in named]), quoted)


def _is_named(token: Token, following: Sequence[Token], quoted: str) -> bool:
    """Whether a word says what a text is, or which sort of text: 'STOP sign'."""
    after = next((other for other in following if other.sort != "unknown"), None)
    unknown = token.sort == "unknown" and (bool(quoted) or token.text != token.text.lower())
    return unknown and after is not None and after.value == ("kind", "text")


def _split_quoted(rest: str, quoted: str) -> tuple[str, str]:
    """Take what follows 'that says', 'the word' and the like as the text that is looked for, if none is quoted.

    The phrase without it, and the text.
    """
    for marker in sorted(vocabulary()["says"]["words"], key=len, reverse=True):
        found = re.search(rf"\b{marker}\b\s*[:,]?\s*(.*)$", rest, re.IGNORECASE)
        if not found:
            continue
        before, after = rest[: found.start()], found.group(1).strip()
        noun = " text" if marker.startswith("the ") else ""
        if quoted:
            return f"{before} {after}{noun}", quoted
        strange = any(token.sort == "unknown" for token in _known().tokens(after))
        if strange or after != after.lower():  # known words may be written as on a sign: 'the word RED'
            return before + noun, after
    return rest, quoted


def _settled(phrase: NounPhrase, quoted: str) -> Query:
    """Decide what one thing the nouns name together."""
    values: dict[str, set[str]] = {"kind": set(), "shape": set(), "refused": set()}
    for noun in phrase.nouns:
        values[noun.value[0]].add(noun.value[1])
    refused = [noun.text for noun in phrase.nouns if noun.value[0] == "refused"]
    unknown = [*phrase.unknown, *filter(None, [phrase.quoted]), *refused]
    unknown += [str(phrase.count)] if phrase.count is not None and phrase.count < 1 else []
    words, forms = {noun.text for noun in phrase.nouns}, _text_forms()
    specific, shapes = sorted(values["kind"] - {"object", "area"}), values["shape"]
    kind, shape, board = "", "", bool(words & forms["board"])
    if quoted:  # a sign may be called a box or a thing as well, but not a face
        kind = "text"
        unknown += sorted(set(specific) - {"text"} | shapes - {"rectangle"})
    elif len(specific) + len(shapes) > 1:
        unknown.append("two things at once: " + ", ".join([*specific, *sorted(shapes)]))
    elif shapes:
        kind, shape = "shape", shapes.pop()
    elif values["kind"]:
        kind = (specific or sorted(values["kind"]))[0]
    elif phrase.color in lexicon()["nouns"]["colors_too"]:
        unknown.append(phrase.color)  # a rose, a salmon: the thing is meant, not what has its color
    elif phrase.color:
        kind = "object"
    found = {"kind": kind, "shape": shape, "quoted": quoted, "board": board, "unknown": tuple(unknown)}
    found |= {"whole_line": bool(quoted) and (board or bool(words & forms["whole_line"]))}
    return Query(**vars(phrase) | found, refused=next(iter(values["refused"]), ""))


@cache
def _text_forms() -> dict[str, set[str]]:
    words = {name: vocabulary()[name]["words"] for name in ("board", "whole_line")}
    return {name: {*nouns, *map(plural, nouns)} for name, nouns in words.items()}


def color_range(phrase: NounPhrase) -> HsvRange:
    """The hues, saturation and value of the color that a phrase names, narrowed by its shade."""
    return hsv_range(phrase.color, phrase.shade)
