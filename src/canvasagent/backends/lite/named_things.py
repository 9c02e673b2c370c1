"""Which of the things that were recognised in a picture a phrase means: by noun, colour, size, place and relation.

The nouns are given; the other words are those of the lexicon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, Protocol, TypeVar

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.choice import chosen
from canvasagent.backends.lite.phrases import nouns, words_for_finding
from canvasagent.english.noun_phrase import NounPhrase, Vocabulary, noun_phrases, words_for_relations
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.sketch.lexicon import data

Nouns = Mapping[str, tuple[frozenset[str], bool]]
"""From a noun to the kinds of things that it means, and whether it is a plural."""


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
    words: Vocabulary
    has_colour: Callable[[T, NounPhrase], bool]
    """Whether a thing is of the colour that a phrase names."""
    refusal: Callable[[str, Sequence[str]], str]
    """The message for a phrase and the words of it that mean nothing."""


def vocabulary(meanings: Nouns) -> Vocabulary:
    """The nouns, and the words that may go with them."""
    own = ((word, "nouns" if many else "noun", kinds) for word, (kinds, many) in meanings.items())
    filler = ((word, "filler", None) for word in data()["filler"]["words"])
    others = ((word, "other", None) for word in _others())
    return Vocabulary([*own, *words_for_relations(), *words_for_finding(), *filler, *others])


@cache
def _others() -> dict[str, tuple[str, str]]:
    """Nouns of the other finders: beside one of the nouns, one of them changes nothing ('the text on the sign')."""
    return {word: value for word, _, value in nouns() if value[0] != "refused"}


def named(phrase: str, words: Vocabulary) -> list[str]:
    """The nouns of a phrase."""
    return [token.text for token in words.tokens(phrase) if token.sort == "noun"]


def resolve(scene: Scene[T], phrase: str) -> list[Detection]:
    """The things that a phrase means, best first or in the order that it asks for.

    Raises `ToolRefusal` with the scene's message where words mean nothing, or no noun is named.
    """
    return [item for part in noun_phrases(scene.words.tokens(phrase)) for item in _meant(scene, part, phrase)]


def _meant(scene: Scene[T], part: NounPhrase, phrase: str) -> list[Detection]:
    """The things that one noun phrase means."""
    unknown = unknown_words(part)
    if unknown or not part.nouns:
        raise ToolRefusal(scene.refusal(phrase, unknown))
    fitting = [thing for thing in scene.things if thing.name in part.head]
    if part.relation:
        boxes = [[item.box for item in _meant(scene, other, phrase)] for other in part.others]
        groups = boxes if part.relation == "between" else [[box for group in boxes for box in group]]
        fitting = [thing for thing in fitting if _holds(part.relation, thing.box, groups)]
    if part.color:
        fitting = [thing for thing in fitting if scene.has_colour(thing, part)]
    return chosen([Detection(thing.name, thing.box, thing.score) for thing in fitting], part, scene.size)


def unknown_words(part: NounPhrase) -> list[str]:
    """The words that mean nothing, of a phrase that names one thing."""
    others = {_others()[word] for word in part.unknown if word in _others()} - {("kind", "object"), ("kind", "area")}
    things = [token.text for token in part.nouns]
    several = [", ".join(names) for names in (things, sorted(name for _, name in others)) if len(names) > 1]
    unknown = [word for word in part.unknown if word not in _others()]
    return unknown + [f"two things at once: {names}" for names in several]


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
