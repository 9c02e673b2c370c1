"""The sizes that an image model works at, and the conversion of pictures to them and back."""

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
    """The working size for a picture of `size`: the aspect ratio as close as multiples allow, at most `most` pixels."""
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
    """`picture`, its short side extended by repeating the edge until `RATIO` holds, and its box in the result."""
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
    """`picture` scaled to `size`; the same object if it has that size."""
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def region_of(mask: Image.Image, most: int) -> tuple[int, int, int, int]:
    """The box of a picture to edit for a mask: the whole picture if it has at most `most` pixels.

    Of a larger picture, the mask's bounding box with a margin of half its side, or more as far as the box still fits
    into `most` pixels: the model needs context, and scaling down would lose detail.
    """
    width, height = mask.size
    box = mask.getbbox()
    if width * height <= most or box is None:
        return 0, 0, width, height
    across, down = (box[2] - box[0]), (box[3] - box[1])
    side = math.isqrt(most)
    more_x, more_y = max(across // 2, (side - across) // 2), max(down // 2, (side - down) // 2)
    return (
        max(0, box[0] - more_x),
        max(0, box[1] - more_y),
        min(width, box[2] + more_x),
        min(height, box[3] + more_y),
    )
