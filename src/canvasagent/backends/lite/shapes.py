"""Coloured regions and simple shapes, by HSV ranges and outlines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from canvasagent.geometry import PixelBox

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Region:
    """A connected region of one colour: its box in pixels, area in pixels, outline, and how well it fits (0 to 1)."""

    box: PixelBox
    area: float
    outline: Array
    score: float


def colour_mask(pixels: Array, colour: Mapping[str, Any]) -> Array:
    """Where (height, width, 3) uint8 RGB pixels are of `colour`, an entry of `words.toml`; boolean."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    mask = np.zeros(hue.shape, bool)
    for low, high in colour["hues"]:
        mask |= (hue >= low) & (hue <= high)
    for plane, name in ((saturation, "saturation"), (value, "value")):
        mask &= (plane >= colour[name][0]) & (plane <= colour[name][1])
    return mask


def regions(mask: Array, *, ground: bool, least: float = 0.0008) -> list[Region]:
    """The connected regions of `mask` of at least `least` of the picture, the largest first.

    Unless `ground` is set, what runs along much of the picture's border or covers most of it is left out: it
    is what things stand on, not a thing. The score tells how solidly the region fills its outline.
    """
    height, width = mask.shape
    filled = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline in outlines:
        left, top, across, down = cv2.boundingRect(outline)
        area = cv2.contourArea(outline) + 0.5 * len(outline)  # OpenCV measures between the centres of border pixels
        if area < max(least * height * width, 25) or (not ground and _is_ground(outline, across * down, width, height)):
            continue
        inside = np.zeros((down, across), np.uint8)
        cv2.drawContours(inside, [outline - [left, top]], -1, 1, cv2.FILLED)
        part = filled[top : top + down, left : left + across]
        solid = float((part & inside).sum() / inside.sum())
        found.append(Region((left, top, left + across, top + down), float(area), outline, solid))
    return sorted(found, key=lambda region: (-region.area, region.box))


def _is_ground(outline: Array, box_area: int, width: int, height: int) -> bool:
    points = outline[:, 0]
    touching = (points[:, 0] == 0) | (points[:, 1] == 0) | (points[:, 0] == width - 1) | (points[:, 1] == height - 1)
    return bool(touching.sum() > 0.2 * 2 * (width + height) or box_area > 0.85 * width * height)


def likeness(outline: Array, shape: str) -> float:
    """How much an outline (contour of OpenCV) looks like `shape`, from 0 to 1; 0.8 and more may be called one."""
    return _LIKENESS[shape](outline)


def _area(outline: Array) -> float:
    """The area up to the outer edges of the border pixels."""
    return float(cv2.contourArea(outline)) + 0.5 * len(outline) + 1


def _circle(outline: Array) -> float:
    _, radius = cv2.minEnclosingCircle(outline)
    return min(1.0, _area(outline) / (math.pi * (radius + 0.5) ** 2) + 0.02)


def _ellipse(outline: Array) -> float:
    if len(outline) < 8:
        return 0.0
    hull = cv2.convexHull(outline)
    (_, axes, _), area = cv2.minAreaRect(outline), _area(outline)
    expected = math.pi / 4 * (axes[0] + 1) * (axes[1] + 1)
    even = min(area, expected) / max(area, expected)
    return _sharpened(even * area / (float(cv2.contourArea(hull)) + 0.5 * len(outline) + 1))


def _sharpened(fit: float) -> float:
    """Spread the fits that matter (a square fits its ellipse by 0.79) over the whole scale."""
    return min(max(1 - 2.2 * (1 - min(fit, 1.0)), 0.0), 1.0)


def _corners(outline: Array, wanted: int) -> float:
    """1 where simplifying the outline leaves `wanted` corners that enclose nearly the same area."""
    length = cv2.arcLength(outline, True)
    best = 0.0
    for coarse in (0.02, 0.03, 0.04):
        simple = cv2.approxPolyDP(outline, coarse * length, True)
        if len(simple) == wanted:
            one, other = float(cv2.contourArea(simple)), float(cv2.contourArea(outline))
            best = max(best, min(one, other) / max(one, other, 1.0))
    return best


def _rectangle(outline: Array) -> float:
    (_, sides, _) = cv2.minAreaRect(outline)
    return _sharpened(_area(outline) / float((sides[0] + 1) * (sides[1] + 1)))


def _square(outline: Array) -> float:
    (_, sides, _) = cv2.minAreaRect(outline)
    aspect = float((min(sides) + 1) / (max(sides) + 1))
    return _rectangle(outline) * (1.0 if aspect > 0.88 else aspect**3)


def _tilted(outline: Array) -> float:
    """A four-cornered shape that stands on a corner: about half of its upright box."""
    _, _, across, down = cv2.boundingRect(outline)
    return _corners(outline, 4) * max(0.0, 1 - 4 * abs(_area(outline) / (across * down) - 0.5))


def _convex(outline: Array) -> float:
    hull = float(cv2.contourArea(cv2.convexHull(outline)))
    return float(cv2.contourArea(outline) / max(hull, 1.0))


def _star(outline: Array) -> float:
    """Between four and eight points: twice as many corners, and well less than its hull."""
    if not 0.3 < _convex(outline) < 0.8:
        return 0.0
    return max(_corners(outline, 2 * points) for points in (4, 5, 6, 8))


_LIKENESS: dict[str, Callable[[Array], float]] = {
    "circle": _circle,
    "ellipse": _ellipse,
    "square": _square,
    "rectangle": _rectangle,
    "triangle": lambda outline: _corners(outline, 3),
    "diamond": _tilted,
    "star": _star,
    "pentagon": lambda outline: _corners(outline, 5) * _convex(outline),
    "hexagon": lambda outline: _corners(outline, 6) * _convex(outline) * (1.0 if _circle(outline) < 0.95 else 0.5),
}
