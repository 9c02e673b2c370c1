"""From a request's text to its clauses: quotations set aside, sentences split where a new wish begins."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_QUOTED = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|`([^`]+)`|‘([^’]+)’(?!\w)|(?<!\w)'((?:[^']|'(?=\w))+)'(?!\w)"
)
_MARK = re.compile("⟪(\\d+)⟫")


@cache
def knowledge() -> dict[str, Any]:
    """What patterns.toml holds, read once."""
    return tomllib.loads(files(__package__).joinpath("patterns.toml").read_text(encoding="utf-8"))


@cache
def pattern(source: str) -> re.Pattern[str]:
    """A pattern of patterns.toml, its {names} of the vocabulary filled in."""
    words = knowledge()["vocabulary"]

    def fill(text: str) -> str:
        return re.sub(r"\{([a-z_]+)\}", lambda match: fill(words[match[1]]), text)

    return re.compile(fill(source), re.IGNORECASE)


@dataclass(frozen=True)
class Quotes:
    """The quotations of a request, exactly as written; texts hold marks ⟪0⟫ in their place."""

    texts: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @classmethod
    def take(cls, text: str) -> tuple[str, Quotes]:
        """The text with every quotation replaced by a mark, and the quotations."""
        found: list[re.Match[str]] = list(_QUOTED.finditer(text))
        pieces, position = [], 0
        for index, match in enumerate(found):
            pieces += [re.sub("[⟪⟫]", "", text[position : match.start()]), f"⟪{index}⟫"]
            position = match.end()
        pieces.append(re.sub("[⟪⟫]", "", text[position:]))
        inner = tuple(next(group for group in match.groups() if group is not None) for match in found)
        return "".join(pieces), cls(inner, tuple(match[0] for match in found))

    def restore(self, text: str, bare: bool = False) -> str:
        """The text with the quotations back, `bare` without their marks of quotation."""
        kept = self.texts if bare else self.written
        return _MARK.sub(lambda match: kept[int(match[1])] if int(match[1]) < len(kept) else "", text)

    def of(self, text: str) -> list[str]:
        """The quoted texts that `text` holds, in order."""
        return [self.texts[int(number)] for number in _MARK.findall(text) if int(number) < len(self.texts)]


def clauses(text: str) -> list[str]:
    """The clauses of a text whose quotations are marks, in order, cleared of politeness and connectives."""
    parts: list[str] = []
    if re.match(r"\s*1[.)]\s", text):  # a numbered list
        text = re.sub(r"(?:^|\s)[1-9]\d?[.)]\s+", "\n", text)
    for sentence in _sentences(re.sub(r"[^\S\n]+", " ", text)):
        parts += _condition(sentence) if _starts(sentence, "condition") else _split_soft(sentence)
    return _merge([part for part in map(strip, parts) if part])


def _condition(sentence: str) -> list[str]:
    """A conditional sentence stays whole, but what follows an order to turn what stands wrong is its own wish."""
    match = pattern("{turn_if_wrong}").match(sentence.lstrip())
    return [match[0], *clauses(sentence.lstrip()[match.end() :])] if match else [sentence]


def _sentences(text: str) -> list[str]:
    """Split where a clause must end; the 'then' of a condition does not end it."""
    rule = pattern(knowledge()["clauses"]["hard"])
    parts, start = [], 0
    for match in rule.finditer(text):
        conditional = _starts(text[start:], "condition") and re.search(r"\bthen\b", match[0])
        if not conditional:
            parts.append(text[start : match.start()])
            start = match.end()
    return [part for part in [*parts, text[start:]] if part.strip()]


def _split_soft(sentence: str) -> list[str]:
    """Split at commas and conjunctions, but only before something that starts a clause."""
    start = 0
    parts = []
    for match in pattern(knowledge()["clauses"]["soft"]).finditer(sentence):
        following = strip(sentence[match.end() : match.end() + 120])
        if match.start() > start and any(_starts(following, key) for key in ("starters", "noun_starters", "again")):
            parts.append(sentence[start : match.start()])
            start = match.end()
    return [*parts, sentence[start:]]


def _starts(text: str, key: str) -> bool:
    return pattern(knowledge()["clauses"][key]).match(text.lstrip()) is not None


def strip(clause: str) -> str:
    """A clause without leading connectives and politeness, and without what trails it."""
    lead, tail = pattern(knowledge()["clauses"]["lead"]), pattern(knowledge()["clauses"]["tail"])
    clause = re.sub(r"\s+", " ", clause).strip(" ,;:-–—")
    while match := lead.match(clause):
        if not match[0]:
            break
        clause = clause[match.end() :].lstrip(" ,;:-–—")
    return tail.sub("", clause).strip()


def _merge(parts: list[str]) -> list[str]:
    """Join a fragment that only says where or how ('at the bottom') to the clause that it belongs to."""
    fragment = pattern(knowledge()["clauses"]["fragment"])
    merged: list[str] = []
    pending = ""
    for part in parts:
        if fragment.fullmatch(part):
            if merged and not pending:
                merged[-1] += f" {part}"
            else:
                pending = f" {part}"
            continue
        if merged and _starts(part, "again"):
            part = f"write {part}"
        merged.append(part + pending)
        pending = ""
    return merged + ([pending.strip()] if pending else [])


def is_context(clause: str) -> bool:
    """Whether a clause is a statement that asks for nothing."""
    return pattern(knowledge()["clauses"]["context"]).fullmatch(clause) is not None


def is_foreign(text: str) -> bool:
    """Whether a request seems to be in another language than English. Quotations do not count."""
    bare = _MARK.sub(" ", text)
    letters = [char for char in bare if char.isalpha()]
    if letters and sum(ord(char) > 0x24F for char in letters) * 3 > len(letters):
        return True
    words = re.findall(r"[^\W\d_]+", bare.lower())
    ours = set(knowledge()["clauses"]["english"].split("|"))
    theirs = pattern(knowledge()["clauses"]["foreign"])
    foreign = sum(theirs.fullmatch(word) is not None for word in words)
    return foreign >= 2 and foreign > sum(word in ours for word in words)
