"""Coloured shapes drawn anti-aliased: which there are, where they go, how large they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from canvasagent.english.colors import Rgb
from canvasagent.imaging.geometry import Point, Size

Outline = list[Point]
"""Corners in a square from -1 to 1, y down."""


def regular(corners: int, turn: float = -90.0) -> Outline:
    """A regular polygon in the unit circle, its first corner at `turn` degrees (0: right, -90: top)."""
    angles = [math.radians(turn + 360 * index / corners) for index in range(corners)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def _star() -> Outline:
    outer, inner = regular(5), regular(5, -54)
    return [point for pair in zip(outer, [(0.4 * x, 0.4 * y) for x, y in inner], strict=True) for point in pair]


def _heart() -> Outline:
    angles = [math.radians(degrees) for degrees in range(0, 360, 3)]
    xs = [math.sin(angle) ** 3 for angle in angles]
    ys = [-(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 16 for a in angles]
    return list(zip(xs, ys, strict=True))


def _cross(arm: float) -> Outline:
    corners = [(-arm, -1.0), (arm, -1.0), (arm, -arm), (1.0, -arm), (1.0, arm), (arm, arm)]
    return corners + [(-x, -y) for x, y in corners]


SHAPES: dict[str, Outline] = {
    "circle": regular(180),
    "ellipse": [(x, 0.6 * y) for x, y in regular(180)],
    "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "rectangle": [(-1.0, -0.6), (1.0, -0.6), (1.0, 0.6), (-1.0, 0.6)],
    "triangle": [(0.0, -0.95), (1.0, 0.8), (-1.0, 0.8)],
    "diamond": [(0.0, -1.0), (0.75, 0.0), (0.0, 1.0), (-0.75, 0.0)],
    "pentagon": regular(5),
    "hexagon": regular(6, 0),
    "octagon": regular(8, 22.5),
    "star": _star(),
    "heart": _heart(),
    "cross": _cross(0.33),
    "arrow": [(-1, -0.28), (0.1, -0.28), (0.1, -0.75), (1, 0), (0.1, 0.75), (0.1, 0.28), (-1, 0.28)],
}
"""The shapes that can be drawn."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Some shapes of one sort: number, colour, place (shares of the picture, None anywhere) and size (a factor)."""

    shape: str
    color: Rgb
    count: int = 1
    spot: Point | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Placed:
    """One shape in pixels: its middle and its radius."""

    shape: str
    color: Rgb
    center: Point
    radius: float


def arrange(groups: list[Figures], size: Size, rng: np.random.Generator, taken: Sequence[Placed] = ()) -> list[Placed]:
    """Give every shape a place where it touches no other nor any of `taken`.

    They are as large as asked for or, where that leaves no room, all smaller by the same factor.
    """
    total = sum(group.count for group in groups)
    usual = 0.26 if total == 1 else min(0.2, 0.45 / math.sqrt(total))
    queue = [group for group in groups for _ in range(group.count)]
    queue.sort(key=lambda group: (group.spot is None, -group.scale))
    alone = total == 1 and not taken
    factor = 1.0
    while True:
        placed = list(taken)
        for group in queue:
            radius = factor * group.scale * min(size) * (min(usual, 0.2) if group.spot else usual)
            place = _free_place(group, min(radius, 0.45 * min(size)), size, placed, rng, alone)
            if place is None and factor > 0.05:
                break
            placed.append(place or Placed(group.shape, group.color, (size[0] / 2, size[1] / 2), radius))
        else:
            return placed[len(taken) :]
        factor *= 0.9


def _free_place(
    group: Figures, radius: float, size: Size, placed: list[Placed], rng: np.random.Generator, alone: bool
) -> Placed | None:
    """A free place of the wanted radius near the group's spot, or anywhere; None after 60 tries."""
    width, height = size
    reach, gap = radius + 0.05 * min(size), 0.03 * min(size)
    low = (reach, reach)
    high = (max(width - reach, reach), max(height - reach, reach))
    for attempt in range(60):
        if group.spot is not None:
            spread = 0.0 if attempt == 0 and group.count == 1 else 0.04 * group.count + 0.25 * attempt / 60
            x, y = (
                low[axis] + group.spot[axis] * (high[axis] - low[axis]) + rng.uniform(-spread, spread) * size[axis]
                for axis in (0, 1)
            )
        elif alone:
            x, y = width / 2, height / 2
        else:
            x, y = rng.uniform(low[0], high[0]), rng.uniform(low[1], high[1])
        x, y = min(max(x, low[0]), high[0]), min(max(y, low[1]), high[1])
        if all(math.dist((x, y), other.center) > radius + other.radius + gap for other in placed):
            return Placed(group.shape, group.color, (float(x), float(y)), float(radius))
    return None


def draw(pixels: NDArray[Any], shapes: list[Placed]) -> NDArray[Any]:
    """`pixels` (height, width, 3) with the shapes on it, their edges averaged over 4 × 4 points a pixel."""
    picture = Image.fromarray(pixels)
    for shape in shapes:
        reach = math.ceil(shape.radius) + 2
        left, top = math.floor(shape.center[0]) - reach, math.floor(shape.center[1]) - reach
        fine = 4
        cover = Image.new("L", (2 * reach * fine, 2 * reach * fine))
        points = [
            ((shape.center[0] - left + x * shape.radius) * fine, (shape.center[1] - top + y * shape.radius) * fine)
            for x, y in SHAPES[shape.shape]
        ]
        ImageDraw.Draw(cover).polygon(points, fill=255)
        cover = cover.resize((2 * reach, 2 * reach), Image.Resampling.BOX)
        picture.paste(Image.new("RGB", cover.size, shape.color), (left, top), cover)
    return np.array(picture)
