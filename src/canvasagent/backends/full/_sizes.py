"""The sizes that a picture model works at, and the way there and back."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from canvasagent.imaging.geometry import Size

MULTIPLE = 16
"""Width and height of what the model sees are multiples of this."""
LEAST = 64
"""The shortest side that it takes."""
RATIO = 8
"""The longest side over the shortest that it takes."""


def work_size(size: Size, most: int) -> Size:
    """The size to work at for a picture of `size`: its shape as closely as multiples allow, at most `most` pixels."""
    width, height = (max(side, 1) for side in size)
    scale = min(1.0, math.sqrt(most / (width * height)))
    scale = max(scale, LEAST / min(width, height))
    sides = [max(LEAST, round(side * scale / MULTIPLE) * MULTIPLE) for side in (width, height)]
    sides = [min(side, RATIO * min(sides)) for side in sides]
    while sides[0] * sides[1] > most and max(sides) > LEAST:
        longer = sides.index(max(sides))
        sides[longer] -= MULTIPLE
    return sides[0], sides[1]


def padded(picture: Image.Image) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """`picture` with its short side continued until the model takes its shape, and the box where it lies in that."""
    width, height = picture.size
    short = math.ceil(max(width, height) / RATIO)
    right, below = max(0, short - width), max(0, short - height)
    if not right and not below:
        return picture, (0, 0, width, height)
    left, above = right // 2, below // 2
    edges = ((above, below - above), (left, right - left))
    pixels = np.asarray(picture)
    grown = np.pad(pixels, edges if pixels.ndim == 2 else (*edges, (0, 0)), mode="edge")
    return Image.fromarray(grown), (left, above, left + width, above + height)


def resized(picture: Image.Image, size: Size) -> Image.Image:
    """`picture` at `size`; itself where it has that size."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def region_of(mask: Image.Image, most: int) -> tuple[int, int, int, int]:
    """The part of a picture to work on for a mask: all of it where that is at most `most` pixels.

    Of a larger one the mask's box with half of its side more all round, grown to as much as can be worked on at
    full detail.
    """
    width, height = mask.size
    found = mask.getbbox()
    if width * height <= most or found is None:
        return 0, 0, width, height
    across, down = (found[2] - found[0]), (found[3] - found[1])
    side = math.isqrt(most)
    more_x, more_y = max(across // 2, (side - across) // 2), max(down // 2, (side - down) // 2)
    return (
        max(0, found[0] - more_x),
        max(0, found[1] - more_y),
        min(width, found[2] + more_x),
        min(height, found[3] + more_y),
    )
