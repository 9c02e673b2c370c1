"""Phrases about the things in a drawn picture, and which of those recognised in its pixels they mean.

Nouns are what sprites call themselves (names, plurals, synonyms, categories); colours, sizes, ordinals and places
are those of the other phrases (`words.toml`); relations those of the scene grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.choice import chosen
from canvasagent.backends.lite.phrases import Query, color_range, parse
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.english.nouns import plural
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox
from canvasagent.sketch.lexicon import data
from canvasagent.sketch.recognise import Thing, recognise
from canvasagent.sketch.sprite import all_sprites

_ALSO = {
    "person": (("human",), ("people", "persons", "humans")),
    "animal": (("creature", "pet"), ("creatures", "pets")),
    "plant": ((), ("vegetation",)),
}
"""Other words for a category, of one and of several."""
_FRUIT = {"apple", "banana", "orange", "strawberry", "watermelon", "grapes"}
_PLACED = {"the", "in", "from", "to", "at", "all", "of"}
"""Words that may belong to a place or a number: 'in the middle', 'from the left', 'all'."""
_JOIN = re.compile(r"\s*(?:,|\band\b|\bor\b)\s*", re.IGNORECASE)


@cache
def nouns() -> dict[str, tuple[frozenset[str], bool]]:
    """From a noun to the sprites that it means, and whether it is a plural."""
    sprites = all_sprites()
    found: dict[str, tuple[frozenset[str], bool]] = {}
    groups: dict[str, set[str]] = {}
    for name, sprite in sprites.items():
        groups.setdefault(sprite.info.category, set()).add(name)
    groups["fruit"] = _FRUIT & set(sprites)
    for category, names in groups.items():
        if category not in ("sky", "household", "clothing", "sign"):
            found[category], found[plural(category)] = (frozenset(names), False), (frozenset(names), True)
        one, several = _ALSO.get(category, ((), ()))
        found.update({word: (frozenset(names), word in several) for word in (*one, *several)})
    for name, sprite in sprites.items():
        own = frozenset([name])
        for word in sprite.info.synonyms:
            found[plural(word)] = (own, True)
            found[word] = (own, False)
        found[sprite.info.plural] = (own, sprite.info.plural != name)
        found[name] = (own, False)
    return found


def names_thing(phrase: str) -> bool:
    """Whether a phrase names anything of the drawn world."""
    return any(noun for _, noun in _words(phrase))


def ground_drawn(picture: Image.Image, phrase: str) -> list[Detection]:
    """The things in a drawn picture that a phrase means, best first or in the order that it asks for.

    Raises `ToolRefusal` that names the words which mean nothing in the drawn world.
    """
    if not names_thing(phrase):
        raise ToolRefusal(_refusal(phrase, parse(phrase).unknown))
    things = recognise(picture).things
    return [Detection(name, _clipped(box, picture), score) for name, box, score in _resolved(picture, things, phrase)]


def thing_mask(picture: Image.Image, box: PixelBox, least: float = 0.5) -> Image.Image | None:
    """The visible mask (L, 0 or 255, size of the picture) of the drawn thing that a box is about; None for none.

    `least` is the intersection over union that the thing's box must have with `box`.
    """
    things = recognise(picture).things
    best = max(things, key=lambda thing: overlap(_clipped(thing.box, picture), box), default=None)
    return best.mask if best and overlap(_clipped(best.box, picture), box) >= least else None


def _clipped(box: PixelBox, picture: Image.Image) -> PixelBox:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(picture.width)), min(bottom, float(picture.height))


def _resolved(picture: Image.Image, things: list[Thing], phrase: str) -> list[tuple[str, PixelBox, float]]:
    head, relation, others = _split(phrase)
    pool = things
    if relation:
        parts = _JOIN.split(others) if relation == "between" else [others]
        anchors = [_resolved(picture, things, part) for part in parts]
        boxes = [[box for _, box, _ in anchor] for anchor in anchors]
        pool = [thing for thing in things if _holds(relation, thing.box, boxes)]
    found: list[tuple[str, PixelBox, float]] = []
    listed = [part for part in _JOIN.split(head) if part]
    for part in listed if len(listed) > 1 and all(names_thing(part) for part in listed) else [head]:
        found += _named(picture, pool, part)
    return found


def _named(picture: Image.Image, things: list[Thing], phrase: str) -> list[tuple[str, PixelBox, float]]:
    """The things that a phrase without relations means."""
    query, meant, unknown = _parsed(phrase)
    if unknown or not meant:
        raise ToolRefusal(_refusal(phrase, unknown))
    fitting = [thing for thing in things if thing.name in meant]
    if query.color:
        pixels = np.asarray(picture.convert("RGB"))
        fitting = [thing for thing in fitting if has_colour(thing, pixels, query)]
    found = [Detection(thing.name, thing.box, thing.score) for thing in fitting]
    return [(item.label, item.box, item.score) for item in chosen(found, query, picture.size)]


def _parsed(phrase: str) -> tuple[Query, frozenset[str], list[str]]:
    """What a phrase asks for, the sprites that its noun means, and the words that mean nothing."""
    words = _words(phrase)
    named = [word for word, noun in words if noun]
    colours = {word for word in named[:-1] if parse(f"{word} thing").color}  # 'the orange cup'
    rest = [word for word in named if word not in colours] or named[-1:]
    plain = " ".join("thing" if noun and word not in colours else word for word, noun in words)
    query = parse(plain)
    unknown = list(query.unknown)
    if len(rest) > 1:
        unknown.append("two things at once: " + ", ".join(rest))
    sprites, many = nouns()[rest[-1]] if rest else (frozenset[str](), False)
    query.kind, query.plural = "thing", query.plural or many
    return query, sprites, unknown


def _words(phrase: str) -> list[tuple[str, bool]]:
    """The words of a phrase without mere filler, the longest nouns as one, and whether each is a noun."""
    known = nouns()
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


def _split(phrase: str) -> tuple[str, str, str]:
    """The phrase up to its first relation, the relation, and what it speaks of."""
    relations: dict[str, str] = data()["relations"]
    pattern = "|".join(re.escape(words) for words in sorted(relations, key=len, reverse=True))
    for found in re.finditer(rf"\b({pattern})\b", phrase, re.IGNORECASE):
        head, others = phrase[: found.start()], phrase[found.end() :]
        if names_thing(head) and names_thing(others):
            return head, relations[found.group(1).lower()], others
    return phrase, "", ""


def has_colour(thing: Thing, pixels: np.ndarray[Any, Any], query: Query) -> bool:
    """Whether a thing is of a colour: its main colour is, or a good part of what is seen of it."""
    colour = color_range(query)
    main = np.array(ImageColor.getrgb(thing.color)[:3], np.uint8).reshape(1, 1, 3)
    if color_mask(main, colour).any():
        return True
    left, top, right, bottom = (round(value) for value in thing.box)
    window = slice(max(top, 0), bottom), slice(max(left, 0), right)
    seen = np.asarray(thing.mask)[window] > 127
    part = np.ascontiguousarray(pixels[window])
    return bool(seen.any() and color_mask(part, colour)[seen].mean() > 0.4)


def _holds(relation: str, box: PixelBox, groups: list[list[PixelBox]]) -> bool:
    """Whether a relation holds between a box and one of the others (for between: one of each of two groups)."""
    if relation == "between":
        firsts, seconds = groups[0], groups[-1]
        pairs = [(one, other) for one in firsts for other in seconds if one != other]
        return any(min(_x(a), _x(b)) < _x(box) < max(_x(a), _x(b)) for a, b in pairs)
    return any(other != box and _RELATIONS[relation](box, other) for other in groups[0])


def overlap(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    total = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared
    return shared / total if total > 0 else 0.0


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


def _refusal(phrase: str, unknown: list[str]) -> str:
    what = " and ".join(f"'{word}'" for word in unknown) or f"'{phrase}'"
    return (
        f"The lite Grounding does not know {what} (asked: '{phrase}'). In drawn pictures it finds the things that "
        "the drawn world has ('the red cup', 'the largest dog', 'the second tree from the left'). "
        "`--profile full` finds whatever can be named."
    )
