"""Coloured regions and simple shapes, by HSV ranges and outlines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from canvasagent.backends.lite.cutting import Array, peak
from canvasagent.english.colors import HsvRange
from canvasagent.imaging.geometry import PixelBox


@dataclass(frozen=True, slots=True)
class Region:
    """A connected region of one colour: its box in pixels, area in pixels, outline, and how well it fits (0 to 1)."""

    box: PixelBox
    area: float
    outline: Array
    score: float


def color_mask(pixels: Array, color: HsvRange) -> Array:
    """Where (height, width, 3) uint8 RGB pixels lie within a range; boolean."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    mask = np.zeros(hue.shape, bool)
    for low, high in color.hues:
        mask |= (hue >= low) & (hue <= high)
    for plane, (low, high) in ((saturation, color.saturation), (value, color.value)):
        mask &= (plane >= low) & (plane <= high)
    return mask


def hard_edges(pixels: Array, least: int = 24) -> Array | None:
    """Where a drawn picture changes colour at once, boolean; None for a photograph, which has such edges everywhere.

    Two things that touch and go by one colour name (the sky and a blue square) are told apart by them.
    """
    pairs = np.ones((2, 2), np.uint8)  # a pixel and those to its right and below, corner to corner included
    for calm in (pixels, cv2.medianBlur(pixels, 5)):  # as it is, or without what JPEG does to it
        step = peak(cv2.dilate(calm, pairs, anchor=(0, 0)) - cv2.erode(calm, pairs, anchor=(0, 0)))
        if float((step <= 2).mean()) >= 0.8:
            return np.asarray(step > least)
    return None


def regions(mask: Array, *, ground: bool, edges: Array | None = None, least: float = 0.0008) -> list[Region]:
    """The connected regions of `mask` of at least `least` of the picture, cut apart at `edges`, the largest first.

    Unless `ground` is set, what runs along much of the picture's border or covers most of it is left out: it
    is what things stand on, not a thing. The score tells how solidly the region fills its outline.
    """
    height, width = mask.shape
    filled = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    cut = filled if edges is None else filled & ~edges
    # outer borders of all regions, of those that lie in another's hole as well
    outlines, hierarchy = cv2.findContours(cut, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline, (_, _, _, parent) in zip(outlines, hierarchy[0] if outlines else (), strict=True):
        left, top, across, down = cv2.boundingRect(outline)
        area = _area(outline)
        if parent >= 0 or len(outline) < 8 or area < max(least * height * width, 25):
            continue
        if not ground and _is_ground(outline, across * down, width, height):
            continue
        inside = np.zeros((down, across), np.uint8)
        cv2.drawContours(inside, [outline - [left, top]], -1, 1, cv2.FILLED)
        part = cut[top : top + down, left : left + across]
        solid = float((part & inside).sum() / inside.sum())
        lost = 0 if edges is None else 1  # the last row and column: an edge lies on the pixel before it
        box = (left, top, min(left + across + lost, width), min(top + down + lost, height))
        found.append(Region(box, area, outline, solid))
    return sorted(found, key=lambda region: (-region.area, region.box))


def _is_ground(outline: Array, box_area: int, width: int, height: int) -> bool:
    points = outline[:, 0]
    if np.any(np.ptp(points, axis=0) >= (width - 1, height - 1)):  # from one side of the picture to the other
        return True
    touching = (points[:, 0] == 0) | (points[:, 1] == 0) | (points[:, 0] == width - 1) | (points[:, 1] == height - 1)
    return bool(touching.sum() > 0.2 * 2 * (width + height) or box_area > 0.85 * width * height)


def likeness(outline: Array, shape: str) -> float:
    """How much an outline (contour of OpenCV) looks like `shape`, from 0 to 1; 0.8 and more may be called one."""
    return LIKENESS[shape](outline)


def _area(outline: Array) -> float:
    """The area up to the outer edges of the border pixels."""
    return float(cv2.contourArea(outline)) + 0.5 * len(outline) + 1


def _circle(outline: Array) -> float:
    _, radius = cv2.minEnclosingCircle(outline)
    fit = _area(outline) / (math.pi * (radius + 0.5) ** 2) + 0.02
    return _sharpened(fit, 1.5)  # a hexagon fits its circle by 0.83


def _ellipse(outline: Array) -> float:
    if len(outline) < 8:
        return 0.0
    hull = cv2.convexHull(outline)
    (_, axes, _), area = cv2.minAreaRect(outline), _area(outline)
    expected = math.pi / 4 * (axes[0] + 1) * (axes[1] + 1)
    even = min(area, expected) / max(area, expected)
    return _sharpened(even * area / (float(cv2.contourArea(hull)) + 0.5 * len(outline) + 1))


def _sharpened(fit: float, by: float = 2.2) -> float:
    """Spread the fits that matter (a square fits its ellipse by 0.79) over the whole scale."""
    return min(max(1 - by * (1 - min(fit, 1.0)), 0.0), 1.0)


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
    return _rectangle(outline) * (1.0 if aspect > 0.88 else max(0.0, 4 * aspect - 3))


def _tilted(outline: Array) -> float:
    """A four-cornered shape that stands on a corner: about half of its upright box."""
    _, _, across, down = cv2.boundingRect(outline)
    return _corners(outline, 4) * max(0.0, 1.0 - 4 * abs(_area(outline) / float(across * down) - 0.5))


def _convex(outline: Array) -> float:
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    return float(cv2.contourArea(outline) / hull)


def _star(outline: Array) -> float:
    """Four to eight equal points round a middle: outline radii swing evenly between two lengths."""
    if not 0.3 < _convex(outline) < 0.8:
        return 0.0
    points = outline[:, 0].astype(np.float64)
    moments = cv2.moments(outline)
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    best = 0.0
    for count in (4, 5, 6, 8):
        length = cv2.arcLength(outline, True)
        for coarse in (0.02, 0.03, 0.04):
            corners = cv2.approxPolyDP(outline, coarse * length, True)[:, 0] - middle
            if len(corners) != 2 * count:
                continue
            radii = np.hypot(corners[:, 0], corners[:, 1])
            outer, inner = sorted((radii[::2], radii[1::2]), key=lambda half: float(-half.mean()))
            angles = np.sort(np.arctan2(corners[:, 1], corners[:, 0]))
            turns = np.diff(angles, append=angles[0] + 2 * math.pi)
            uneven = float(outer.std() / outer.mean() + inner.std() / inner.mean() + 0.5 * turns.std() / turns.mean())
            if inner.mean() < 0.75 * outer.mean() and len(points) > 4 * count:
                best = max(best, 1 - uneven)
    return best


LIKENESS: dict[str, Callable[[Array], float]] = {
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
