"""Words that single out one drawn thing of a picture, such as the lite Grounding understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
from PIL import ImageColor

from canvasagent.backends.lite.phrases import color_range, parse
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.imaging.geometry import PixelBox

APART = 0.07
"""Distance, as a share of the picture's width, from which things can be identified by their place."""
LARGER = 1.7
"""How many times the area of the next the largest has."""
_NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class Seen:
    """A thing to be named: its noun, the colour that it was given or is known for, its pixels' main colour, its box."""

    name: str
    color: str | None
    given: bool
    main: str
    box: PixelBox

    @property
    def x(self) -> float:
        """Its middle."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def area(self) -> float:
        """In pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


def phrases_for(things: Sequence[Seen], width: int, steady: bool, random: Random) -> list[str | None]:
    """A phrase for each thing; None where nothing short singles it out. `steady`: none with left and right."""
    return [_phrase(thing, things, width, steady, random) for thing in things]


def _phrase(thing: Seen, things: Sequence[Seen], width: int, steady: bool, random: Random) -> str | None:
    alike = [other for other in things if other.name == thing.name]
    by_color = f"{thing.color} {thing.name}" if thing.color and _only(thing, alike) else None
    if len(alike) == 1:
        use_color = by_color is not None and random.random() < (0.55 if thing.given else 0.15)
        return by_color if use_color else thing.name
    options = [by_color] if by_color else []
    if not steady:
        options += _by_place(thing, alike, width)
    areas = sorted(other.area for other in alike)
    if thing.area == areas[-1] and areas[-1] > LARGER * areas[-2]:
        options.append(f"{random.choice(('largest', 'biggest'))} {thing.name}")
    if thing.area == areas[0] and areas[1] > LARGER * areas[0]:
        options.append(f"smallest {thing.name}")
    return random.choice(options) if options else None


def _by_place(thing: Seen, alike: Sequence[Seen], width: int) -> list[str]:
    order = sorted(alike, key=lambda other: other.x)
    middles = [other.x for other in order]
    if any(right - left < APART * width for left, right in pairwise(middles)):
        return []
    at, last, name = order.index(thing), len(order) - 1, thing.name
    if at == 0:
        return [f"leftmost {name}", f"{name} on the left" if last == 1 else f"first {name} from the left"]
    if at == last:
        return [f"rightmost {name}", f"{name} on the right" if last == 1 else f"first {name} from the right"]
    return [f"{_NUMBERS[at]} {name} from the left"]


def _only(thing: Seen, alike: Sequence[Seen]) -> bool:
    """Whether its colour word fits it and no other of its kind."""
    assert thing.color is not None
    fitting = [other for other in alike if is_called(other.main, thing.color)]
    return fitting == [thing]


@cache
def is_called(main: str, color: str) -> bool:
    """Whether Grounding takes a main colour (#rrggbb) for what a colour word means."""
    pixel = np.array(ImageColor.getrgb(main)[:3], np.uint8).reshape(1, 1, 3)
    return bool(color_mask(pixel, color_range(parse(f"{color} thing"))).any())
