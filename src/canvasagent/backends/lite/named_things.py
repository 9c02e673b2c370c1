"""Which of the things that were recognised in a picture a phrase means: by noun, colour, size, place and relation.

The nouns are given; colours, sizes, ordinals and places are those of the other phrases (`words.toml`); relations those
of the scene grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.choice import chosen
from canvasagent.backends.lite.phrases import Query, parse
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.sketch.lexicon import data

Nouns = Mapping[str, tuple[frozenset[str], bool]]
"""From a noun to the kinds of things that it means, and whether it is a plural."""
_PLACED = {"the", "in", "from", "to", "at", "all", "of", "background", "foreground"}
"""Words that may belong to a place or a number: 'in the middle', 'from the left', 'all'."""
_JOIN = re.compile(r"\s*(?:,|\band\b|\bor\b)\s*", re.IGNORECASE)


class Seen(Protocol):
    """A thing that was recognised."""

    @property
    def name(self) -> str:
        """Its kind."""
        ...

    @property
    def box(self) -> PixelBox:
        """Where it is, in pixels."""
        ...

    @property
    def score(self) -> float:
        """How sure, 0 to 1."""
        ...


T = TypeVar("T", bound=Seen)


@dataclass(frozen=True)
class Scene(Generic[T]):
    """What was recognised in a picture, and how it is named."""

    things: Sequence[T]
    size: Size
    nouns: Nouns
    has_colour: Callable[[T, Query], bool]
    """Whether a thing is of the colour that a query names."""
    refusal: Callable[[str, list[str]], str]
    """The message for a phrase and the words of it that mean nothing."""


def names_thing(phrase: str, nouns: Nouns) -> bool:
    """Whether a phrase has any of the nouns."""
    return any(noun for _, noun in words_of(phrase, nouns))


def resolve(scene: Scene[T], phrase: str) -> list[Detection]:
    """The things that a phrase means, best first or in the order that it asks for.

    Raises `ToolRefusal` with the scene's message where words mean nothing, or no noun is named.
    """
    head, relation, others = _split(phrase, scene.nouns)
    pool = scene.things
    if relation:
        parts = _JOIN.split(others) if relation == "between" else [others]
        boxes = [[item.box for item in resolve(scene, part)] for part in parts]
        pool = [thing for thing in scene.things if _holds(relation, thing.box, boxes)]
    listed = [part for part in _JOIN.split(head) if part]
    each = listed if len(listed) > 1 and all(names_thing(part, scene.nouns) for part in listed) else [head]
    return [item for part in each for item in _named(scene, pool, part)]


def _named(scene: Scene[T], things: Sequence[T], phrase: str) -> list[Detection]:
    """The things that a phrase without relations means."""
    query, meant, unknown = parsed(phrase, scene.nouns)
    if unknown or not meant:
        raise ToolRefusal(scene.refusal(phrase, unknown))
    fitting = [thing for thing in things if thing.name in meant]
    if query.color:
        fitting = [thing for thing in fitting if scene.has_colour(thing, query)]
    return chosen([Detection(thing.name, thing.box, thing.score) for thing in fitting], query, scene.size)


def parsed(phrase: str, nouns: Nouns) -> tuple[Query, frozenset[str], list[str]]:
    """What a phrase asks for, the kinds that its noun means, and the words that mean nothing."""
    words = words_of(phrase, nouns)
    named = [word for word, noun in words if noun]
    colours = {word for word in named if parse(f"{word} thing").color}  # 'the orange cup', 'the person in orange'
    colours -= set() if len(colours) < len(named) else {named[-1]}
    rest = [word for word in named if word not in colours] or named[-1:]
    plain = " ".join("thing" if noun and word not in colours else word for word, noun in words)
    query = parse(plain)
    unknown = list(query.unknown)
    if len(rest) > 1:
        unknown.append("two things at once: " + ", ".join(rest))
    kinds, many = nouns[rest[-1]] if rest else (frozenset[str](), False)
    query.kind, query.plural = "thing", query.plural or many
    return query, kinds, unknown


def words_of(phrase: str, known: Nouns) -> list[tuple[str, bool]]:
    """The words of a phrase without mere filler, the longest nouns as one, and whether each is a noun."""
    tokens = re.findall(r"[\w'-]+", phrase.replace("’", "'"))
    filler = set(data()["filler"]["words"])
    result: list[tuple[str, bool]] = []
    at = 0
    while at < len(tokens):
        for length in range(min(4, len(tokens) - at), 0, -1):
            word = " ".join(tokens[at : at + length]).lower()
            noun = next((form for form in (word, word.removesuffix("'s")) if form in known), None)
            if noun:
                result.append((noun, True))
                break
        else:
            length = 1
            if tokens[at].lower() not in filler or tokens[at].lower() in _PLACED:
                result.append((tokens[at], False))
        at += length
    return result


def _split(phrase: str, nouns: Nouns) -> tuple[str, str, str]:
    """The phrase up to its first relation, the relation, and what it speaks of."""
    relations: dict[str, str] = data()["relations"]
    pattern = "|".join(re.escape(words) for words in sorted(relations, key=len, reverse=True))
    for found in re.finditer(rf"\b({pattern})\b", phrase, re.IGNORECASE):
        head, others = phrase[: found.start()], phrase[found.end() :]
        if names_thing(head, nouns) and names_thing(others, nouns):
            return head, relations[found.group(1).lower()], others
    return phrase, "", ""


def _holds(relation: str, box: PixelBox, groups: list[list[PixelBox]]) -> bool:
    """Whether a relation holds between a box and one of the others (for between: one of each of two groups)."""
    if relation == "between":
        firsts, seconds = groups[0], groups[-1]
        pairs = [(one, other) for one in firsts for other in seconds if one != other]
        return any(min(_x(a), _x(b)) < _x(box) < max(_x(a), _x(b)) for a, b in pairs)
    return any(other != box and _RELATIONS[relation](box, other) for other in groups[0])


def _x(box: PixelBox) -> float:
    return (box[0] + box[2]) / 2


def _y(box: PixelBox) -> float:
    return (box[1] + box[3]) / 2


def _beside(one: PixelBox, other: PixelBox, share: float) -> bool:
    """Whether the gap between two boxes is at most a share of the longer side of either."""
    across = max(one[0] - other[2], other[0] - one[2], 0.0)
    down = max(one[1] - other[3], other[1] - one[3], 0.0)
    longest = max(one[2] - one[0], one[3] - one[1], other[2] - other[0], other[3] - other[1])
    return max(across, down) <= share * longest


def _over(one: PixelBox, other: PixelBox) -> bool:
    """Whether they share a good part of the narrower one's width."""
    shared = min(one[2], other[2]) - max(one[0], other[0])
    return shared > 0.3 * min(one[2] - one[0], other[2] - other[0])


_RELATIONS: dict[str, Callable[[PixelBox, PixelBox], bool]] = {
    # What stands in front of a broad thing, left of its middle, is not left of it.
    "left": lambda one, other: _x(one) < other[0] + 0.1 * (other[2] - other[0]),
    "right": lambda one, other: _x(one) > other[2] - 0.1 * (other[2] - other[0]),
    "above": lambda one, other: one[3] < _y(other) and _y(one) < other[1] + 0.1 * (other[3] - other[1]),
    "on": lambda one, other: _over(one, other) and _y(one) < _y(other) and _beside(one, other, 0.08),
    "under": lambda one, other: _over(one, other) and _y(one) > _y(other),
    "next": lambda one, other: _beside(one, other, 0.8),
    "front": lambda one, other: _over(one, other) and one[3] >= other[3] - 2,
    "behind": lambda one, other: _over(one, other) and one[3] <= other[3] + 2,
}
