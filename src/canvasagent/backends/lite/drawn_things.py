"""Phrases about the things in a drawn picture, and which of those recognised in its pixels they mean.

Nouns are what sprites call themselves (names, plurals, synonyms, categories); the rest of a phrase is read as for all
named things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from canvasagent.backends.base import Detection
from canvasagent.backends.lite import named_things
from canvasagent.backends.lite.named_things import Scene
from canvasagent.backends.lite.phrases import color_range, parse
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.english.noun_phrase import NounPhrase, Vocabulary
from canvasagent.english.nouns import plural
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox, overlap
from canvasagent.sketch.recognise import Thing, recognise
from canvasagent.sketch.sprite import all_sprites

_ALSO = {
    "person": (("human",), ("people", "persons", "humans")),
    "animal": (("creature", "pet"), ("creatures", "pets")),
    "plant": ((), ("vegetation",)),
}
"""Other words for a category, of one and of several."""
_FRUIT = {"apple", "banana", "orange", "strawberry", "watermelon", "grapes"}


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


@cache
def vocabulary() -> Vocabulary:
    """Every word that describes things in a drawn picture."""
    return named_things.vocabulary(nouns())


def names_thing(phrase: str) -> bool:
    """Whether a phrase names anything of the drawn world."""
    return bool(named_things.named(phrase, vocabulary()))


def ground_drawn(picture: Image.Image, phrase: str) -> list[Detection]:
    """The things in a drawn picture that a phrase means, best first or in the order that it asks for.

    Raises `ToolRefusal` that names the words which mean nothing in the drawn world.
    """
    if not names_thing(phrase):
        raise ToolRefusal(_refusal(phrase, parse(phrase).unknown))
    pixels = np.asarray(picture.convert("RGB"))
    scene = Scene(
        recognise(picture).things,
        picture.size,
        vocabulary(),
        lambda thing, part: has_colour(thing, pixels, part),
        _refusal,
    )
    return [replace(item, box=_clipped(item.box, picture)) for item in named_things.resolve(scene, phrase)]


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


def has_colour(thing: Thing, pixels: np.ndarray[Any, Any], phrase: NounPhrase) -> bool:
    """Whether a thing is of a colour: its main colour is, or a good part of what is seen of it."""
    colour = color_range(phrase)
    main = np.array(ImageColor.getrgb(thing.color)[:3], np.uint8).reshape(1, 1, 3)
    if color_mask(main, colour).any():
        return True
    left, top, right, bottom = (round(value) for value in thing.box)
    window = slice(max(top, 0), bottom), slice(max(left, 0), right)
    seen = np.asarray(thing.mask)[window] > 127
    part = np.ascontiguousarray(pixels[window])
    return bool(seen.any() and color_mask(part, colour)[seen].mean() > 0.4)


def _refusal(phrase: str, unknown: Sequence[str]) -> str:
    what = " and ".join(f"'{word}'" for word in unknown) or f"'{phrase}'"
    return (
        f"The lite Grounding does not know {what} (asked: '{phrase}'). In drawn pictures it finds the things that "
        "the drawn world has ('the red cup', 'the largest dog', 'the second tree from the left'). "
        "`--profile full` finds whatever can be named."
    )
