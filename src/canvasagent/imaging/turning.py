"""Layers turned by any angle, clockwise, around their middle."""

from __future__ import annotations

import math

from PIL import Image

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.compositing import put, put_into_quad
from canvasagent.imaging.geometry import PixelBox, Point, Size, bounds

_QUARTERS = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
"""What turns a picture clockwise by no, one, two and three quarters; Pillow counts the other way."""


def turned_size(size: Size, degrees: float) -> Size:
    """(width, height) in pixels of the upright box around something of `size` that is turned."""
    if degrees % 180 == 0:
        return size
    if degrees % 90 == 0:
        return size[1], size[0]
    across, down = _shares(degrees)
    width, height = size[0] * across + size[1] * down, size[0] * down + size[1] * across
    return math.ceil(width - 1e-6), math.ceil(height - 1e-6)


def turned_room(box: Size, degrees: float) -> Size:
    """(width, height) of the longest line along, and across, the turned direction that fits `box`."""
    across, down = _shares(degrees)
    width, height = (min(box[first] / max(across, 1e-9), box[1 - first] / max(down, 1e-9)) for first in (0, 1))
    return max(1, math.floor(width + 1e-6)), max(1, math.floor(height + 1e-6))


def _shares(degrees: float) -> tuple[float, float]:
    """How much of its own length a turned side has along its old direction, and across it."""
    angle = math.radians(degrees)
    return abs(math.cos(angle)), abs(math.sin(angle))


def quarter_turned(picture: Image.Image, degrees: float) -> Image.Image:
    """The picture turned clockwise by a multiple of 90 degrees, pixel by pixel."""
    turn = _QUARTERS[round(degrees / 90) % 4]
    return picture if turn is None else picture.transpose(turn)


def put_turned(base: Image.Image, layer: Image.Image, center: Point, scale: float, degrees: float) -> Image.Image:
    """A copy of `base` with `layer` over it: scaled, turned clockwise by `degrees`, its middle at `center` (pixels).

    Only the part of the layer that the base can show is worked on. Raises `ToolRefusal` where it shows none of it.
    """
    shown = _seen_through(base.size, layer.size, center, scale, degrees)
    middle = layer.width / 2, layer.height / 2
    left, top, right, bottom = shown
    outline = ((left, top), (right, top), (right, bottom), (left, bottom))
    quad = [_turned(((x - middle[0]) * scale, (y - middle[1]) * scale), degrees, center) for x, y in outline]
    box = bounds(quad)
    outside = right <= left or bottom <= top or box[2] <= 0 or box[3] <= 0 or box[0] >= base.width
    if outside or box[1] >= base.height:
        raise ToolRefusal("the object would lie wholly outside of the picture; choose a position further inside.")
    part = layer.crop((int(left), int(top), int(right), int(bottom)))
    if part.width * part.height * scale * scale < 4:  # too small to have a direction
        spot = part.resize((max(1, round(part.width * scale)), max(1, round(part.height * scale))))
        return put(base, spot, round((box[0] + box[2] - spot.width) / 2), round((box[1] + box[3] - spot.height) / 2))
    return put_into_quad(base, part, quad)


def _seen_through(base: Size, layer: Size, center: Point, scale: float, degrees: float) -> PixelBox:
    """The whole pixels of a layer that may show on a base, with a margin for interpolation."""
    corners = ((0.0, 0.0), (base[0], 0.0), base, (0.0, base[1]))
    back = [_turned((x - center[0], y - center[1]), -degrees, (0.0, 0.0)) for x, y in corners]
    left, top, right, bottom = bounds([(x / scale + layer[0] / 2, y / scale + layer[1] / 2) for x, y in back])
    margin = 2 + 2 / scale
    return (
        max(math.floor(left - margin), 0),
        max(math.floor(top - margin), 0),
        min(math.ceil(right + margin), layer[0]),
        min(math.ceil(bottom + margin), layer[1]),
    )


def _turned(point: Point, degrees: float, center: Point) -> Point:
    """`point` turned clockwise (y down) around the origin, then moved by `center`."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return center[0] + point[0] * cosine - point[1] * sine, center[1] + point[0] * sine + point[1] * cosine
