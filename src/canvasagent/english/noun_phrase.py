"""Noun phrases: "the second of the two small red cars on the left, next to a house", taken apart word by word.

Whoever reads phrases brings the nouns that mean something there. Numbers, colors, sizes, places and relations are those
of the lexicon, for all readers alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from canvasagent.english.colors import color_named, colors, family_of
from canvasagent.english.lexicon import lexicon
from canvasagent.english.quotations import Quotes

Entry = tuple[str, str, Any]
"""A word or several in lower case, of which sort they are, and what they mean. A noun for several is of sort nouns."""
_WORD = re.compile(r"⟪\d+⟫|\d+(?:st|nd|rd|th)\b|-?\d+|#[0-9a-fA-F]+\b|[^\W\d_]+(?:['-]\w+)*|[.,;:!?]")
_JOINERS = {",", "and", "or"}


class Token(NamedTuple):
    """Words that mean something together."""

    sort: str
    """noun, count, vague (a count), color, shade, size, order, ordinal, spot, relation, the, all, none, filler, stop,
    quote, unknown, or one of the reader's own."""
    value: Any
    text: str
    """As in the vocabulary; an unknown word as it is written."""
    plural: bool = False
    """Whether it is a noun for several things."""
    also: tuple[Token, ...] = ()
    """Other meanings of the same words: 'orange' is a fruit and a color."""

    def of(self, sort: str) -> Token | None:
        """The meaning of that sort, if the words have one."""
        return next((meaning for meaning in (self, *self.also) if meaning.sort == sort), None)


class Vocabulary:
    """Words and what they mean. Of several meanings the one that comes first is the usual one."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        found: dict[str, list[Token]] = {}
        for words, sort, value in entries:
            token = Token(sort.replace("nouns", "noun"), value, words, sort == "nouns")
            known = found.setdefault(words, [])
            if all(other.sort != token.sort for other in known):
                known.append(token)
        self.words = {words: first._replace(also=tuple(rest)) for words, (first, *rest) in found.items()}
        self._longest = max(words.count(" ") + 1 for words in self.words)

    def tokens(self, text: str) -> list[Token]:
        """A text as known words, the longest first, and unknown ones. Marks of quotations become what is quoted."""
        marked, quotes = Quotes.take(text)
        words, result, at = _WORD.findall(marked.replace("’", "'")), list[Token](), 0
        while at < len(words):
            lengths = range(min(self._longest, len(words) - at), 0, -1)
            spans = ((length, self.find(" ".join(words[at : at + length]))) for length in lengths)
            length, token = next((span for span in spans if span[1]), (1, None))
            parts = words[at].split("-")
            if token is None and parts[1:] and all(map(self.find, parts)):
                words[at : at + 1] = parts  # 'blue-colored'
                continue
            result.append(token or _other(words[at], quotes))
            at += length
        return result

    def find(self, words: str) -> Token | None:
        """What words mean; 'top-left' is 'top left', and what a thing has is that thing."""
        low = words.lower()
        forms = (low, low.replace("-", " "), low.removesuffix("'s"))
        return next((self.words[form] for form in forms if form in self.words), None)


@dataclass(frozen=True)
class NounPhrase:
    """What words say of one thing, or of several alike."""

    nouns: tuple[Token, ...] = ()
    """The nouns, the head last; more than one where things are named that do not go together."""
    determiner: str = ""
    count: int | None = None
    """How many; None where the phrase has no number. A number that is `vague` ('some') is a guess."""
    vague: bool = False
    ordinal: int = 0
    """Which one: 1 is the first, -1 the last, 0 none in particular."""
    color: str = ""
    shade: str = ""
    """A word before the color, such as 'pale'; only together with a color."""
    scale: float = 1.0
    """How large, times its usual size."""
    order: tuple[str, ...] = ()
    """left, right, top, bottom, large, small, middle: where or how large among its like."""
    spot: str = ""
    """Where in the picture: 'top left', 'middle'."""
    several: bool = False
    """Whether more than one is spoken of: by a plural, a number, or 'all'."""
    relation: str = ""
    """How it stands to `others`: left, right, on, under, front, behind, between, next, above."""
    others: tuple[NounPhrase, ...] = ()
    quoted: str = ""
    used: tuple[str, ...] = ()
    """The words that say something of it."""
    unknown: tuple[str, ...] = ()
    """The words that mean nothing here, as they are written."""

    @property
    def head(self) -> Any:
        """What the noun means; None where there is none."""
        return self.nouns[-1].value if self.nouns else None

    @property
    def limit(self) -> int:
        """The number of things that are asked for at most; 0 is no limit."""
        return self.count if self.count and self.count > 1 and not self.vague else 0

    @property
    def family(self) -> str:
        """The basic color word (red for crimson), or the color where it has none."""
        return family_of(self.color) or self.color


def words_for_things() -> Iterator[Entry]:
    """The words that go with any noun, but for those that order things."""
    table = lexicon()
    for sort, name in (("count", "counts"), ("vague", "vague_counts"), ("size", "sizes")):
        yield from ((word, sort, value) for word, value in table[name].items())
    yield from ((name, "color", name) for name in colors())
    yield from ((word, "shade", word) for word in table["shades"])
    yield from _spots()
    yield "the", "the", "the"
    yield from ((word, "filler", None) for word in table["phrases"]["filler"])


def words_for_order() -> Iterator[Entry]:
    """The words that pick out one of several things: 'leftmost', 'largest', 'second', 'all'."""
    table = lexicon()
    for name, words in table["order"].items():
        yield from ((word, "order", name) for word in words)
    for word, scale in table["sizes"].items():
        if scale != 1:
            yield word, "order", "large" if scale > 1 else "small"
    yield from ((word, "ordinal", number) for word, number in table["ordinals"].items())
    yield from ((word, "all", word) for word in table["phrases"]["all"])


def words_for_relations() -> Iterator[Entry]:
    """The words that say how things stand to one another."""
    for name, words in lexicon()["relations"].items():
        yield from ((word, "relation", name) for word in words)


def _spots() -> Iterator[Entry]:
    """'on the left', 'in the top right corner' and the like."""
    sides: Mapping[str, str] = lexicon()["sides"]
    corners = ((f"{one} {two}", f"{sides[one]} {two}") for one in sides for two in ("left", "right"))
    named = dict(sides) | {words: spot for words, spot in corners if spot.startswith(("top", "bottom"))}
    for words, spot in named.items():
        for preposition in ("in", "on", "at", "to", "near"):
            for part in ("", " side", " edge", " corner", " part", " half"):
                yield f"{preposition} the {words}{part}", "spot", spot
        if " " in spot:
            yield words, "spot", spot
    yield "in the corner", "spot", "bottom right"


def noun_phrase(tokens: Sequence[Token]) -> NounPhrase:
    """What tokens without a relation say of one thing, in whatever order. Never raises."""
    nouns = [at for at, token in enumerate(tokens) if token.sort == "noun"]
    pure = [at for at in nouns if not tokens[at].of("color")] or nouns[-1:]
    said: dict[str, Any] = {"nouns": tuple(tokens[at] for at in pure), "order": (), "scale": 1.0, "count": None}
    said["several"] = any(tokens[at].plural for at in pure[-1:])
    used, unknown = list[str](), list[str]()
    for at, token in enumerate(tokens):
        meaning = (token.of("color") or token) if token.sort == "noun" and at not in pure else token
        _add(said, meaning, unknown)
        if meaning.sort not in ("filler", "stop") and meaning.text not in unknown:
            used.append(meaning.text)
    if said.get("shade") and not said.get("color"):
        unknown.append(said["shade"])
    return NounPhrase(**said, used=tuple(used), unknown=tuple(unknown))


def _add(said: dict[str, Any], token: Token, unknown: list[str]) -> None:
    """Note what one token says."""
    if token.sort in ("count", "vague"):
        if said["count"] is None or token.value > 1:
            said |= {"count": token.value, "vague": token.sort == "vague"}
        said["several"] = said["several"] or token.value > 1
    elif token.sort == "none":
        said["count"] = 0
    elif token.sort in ("the", "all"):
        said["determiner"] = token.text
        said["several"] = said["several"] or token.sort == "all"
    elif token.sort == "quote" and "quoted" not in said:
        said["quoted"] = token.value
    elif token.sort in ("color", "shade", "ordinal"):
        said[token.sort] = token.value
    elif token.sort in ("order", "spot", "size"):
        ordered, size = token.of("order") or token.of("spot"), token.of("size")
        said["order"] += tuple(ordered.value.split()) if ordered else ()
        said["spot"] = token.value if token.sort == "spot" else said.get("spot", "")
        said["scale"] *= size.value if size else 1.0
    elif token.sort not in ("noun", "stop") and token.of("filler") is None:
        unknown.append(token.text)


def noun_phrases(tokens: Sequence[Token]) -> tuple[NounPhrase, ...]:
    """The things that tokens name, each with how it stands to others. Never raises.

    "The cat and the dog on the table" are two things on the table. A relation counts only between nouns.
    """
    others, end = tuple[NounPhrase, ...](), len(tokens)
    for at in reversed([-1, *_cuts(tokens)]):
        relation = tokens[end].value if end < len(tokens) else ""
        others = tuple(
            replace(noun_phrase(part), relation=relation, others=others) for part in _listed(tokens[at + 1 : end])
        )
        end = at
    return others


def _cuts(tokens: Sequence[Token]) -> Iterator[int]:
    """Where a relation between nouns is."""
    last, named = max((at for at, token in enumerate(tokens) if token.sort == "noun"), default=-1), False
    for at, token in enumerate(tokens):
        if token.sort == "relation" and named and at < last:
            yield at
        named = token.sort == "noun" or (named and token.sort != "relation")


def _listed(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """The parts between commas and conjunctions, if each names a thing; else all as one."""
    ends = [at for at, token in enumerate(tokens) if token.text.lower() in _JOINERS] + [len(tokens)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    parts = [tokens[start:end] for start, end in zip(starts, ends, strict=True) if start < end]
    return parts if all(any(token.sort == "noun" for token in part) for part in parts) else [tokens]


def _other(word: str, quotes: Quotes) -> Token:
    """A word that is not in the vocabulary."""
    if word.startswith("⟪"):
        return Token("quote", quotes.texts[int(word[1:-1])], word)
    if re.fullmatch(r"-?\d+", word):
        return Token("count", int(word[:7]), word)
    if color_named(word) is not None:
        return Token("color", word.lower(), word)
    return Token("stop" if word in ".,;:!?" else "unknown", None, word)
