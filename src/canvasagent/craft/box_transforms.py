"""Boxes adjusted to what was done to a picture after they were found: flips, rotations, crops, enlargements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from canvasagent.craft.pictures import Box
from canvasagent.imaging.geometry import GRID, Size, bounds, box_to_grid, box_to_pixels

VISIBLE = 0.5
"""Share of a box that a crop must keep; less, and what it holds is gone."""


class CutOff(Exception):
    """A crop kept too little of a box."""


def transform_box(box: Sequence[int], tool: str, arguments: Mapping[str, Any], before: Size, after: Size) -> Box:
    """`box` of the picture that a call took, on the grid of the picture that it made. Raises `CutOff`."""
    if tool == "Flip":
        return GRID - box[2], box[1], GRID - box[0], box[3]
    if tool == "Rotate":
        return _turned(box, int(arguments["angle"]), before, after)
    if tool == "Crop":
        return _cropped(box, arguments["bbox"], before)
    if tool == "SR":
        return box[0], box[1], box[2], box[3]
    raise ValueError(f"a box cannot be followed through {tool}")


def _turned(box: Sequence[int], angle: int, before: Size, after: Size) -> Box:
    """The box around the turned box: both canvases have one middle."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    corners = []
    for x in (box[0], box[2]):
        for y in (box[1], box[3]):
            across, down = (x / GRID - 0.5) * before[0], (y / GRID - 0.5) * before[1]
            corners.append((across * cos - down * sin + after[0] / 2, across * sin + down * cos + after[1] / 2))
    left, top, right, bottom = box_to_grid(bounds(corners), after)
    return left, top, right, bottom


def _cropped(box: Sequence[int], kept: Sequence[int], before: Size) -> Box:
    edges = box_to_pixels(kept, before)
    size = edges[2] - edges[0], edges[3] - edges[1]
    pixels = [box[axis] * before[axis % 2] / GRID - edges[axis % 2] for axis in range(4)]
    inside = [min(max(pixels[axis], 0.0), float(size[axis % 2])) for axis in range(4)]
    whole, left = _area(pixels), _area(inside)
    if whole <= 0 or left < VISIBLE * whole:
        raise CutOff
    first, top, last, bottom = box_to_grid(inside, size)
    return first, top, last, bottom


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
