"""The 0 to 1000 grid that policies speak, and the pixels that backends work on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

GRID = 1000
"""Both axes of a picture run from 0 to this, whatever its size: x to the right, y down."""

Size = tuple[int, int]
"""(width, height) in pixels."""

MAX_PIXELS = 64_000_000
"""Default limit on the pixels of one picture (8000 × 8000). A setting wherever pictures are opened."""

MOST_PIXELS = 178_956_970
"""Most that such a setting may be: the decoder (Pillow) refuses what is larger."""

LARGE_PIXELS = 2048 * 2048
"""Above so many pixels, what would take too long at full size is worked on in a smaller copy. SR makes so many of
512 × 512; all that is smaller is worked on as it is."""

PixelBox = tuple[float, float, float, float]
"""(xmin, ymin, xmax, ymax) in pixels; xmax and ymax are exclusive edges."""

Point = tuple[float, float]


def point_to_pixels(point: Sequence[float], size: Size) -> Point:
    """A grid point as pixel coordinates (floats) of a picture of `size`."""
    return point[0] * size[0] / GRID, point[1] * size[1] / GRID


def box_to_pixels(box: Sequence[float], size: Size, whole: Callable[[float], int] = round) -> tuple[int, int, int, int]:
    """A grid box as whole pixels, inside the picture and at least one pixel wide and high. `whole` rounds an edge."""
    width, height = size
    left = min(max(whole(box[0] * width / GRID), 0), width - 1)
    top = min(max(whole(box[1] * height / GRID), 0), height - 1)
    right = min(max(whole(box[2] * width / GRID), left + 1), width)
    bottom = min(max(whole(box[3] * height / GRID), top + 1), height)
    return left, top, right, bottom


def box_to_grid(box: Sequence[float], size: Size) -> list[int]:
    """A pixel box on the grid: integers, clamped to 0..1000, never of zero area."""
    width, height = size

    def span(low: float, high: float, full: int) -> tuple[int, int]:
        first = min(max(round(low * GRID / full), 0), GRID - 1)
        return first, min(max(round(high * GRID / full), first + 1), GRID)

    left, right = span(box[0], box[2], width)
    top, bottom = span(box[1], box[3], height)
    return [left, top, right, bottom]


def bounds(points: Sequence[Point]) -> PixelBox:
    """The box around `points`."""
    xs = [point[0] for point in points]
    ys = [point[1] for point in points]
    return min(xs), min(ys), max(xs), max(ys)


GridBox = tuple[int, int, int, int]
"""(xmin, ymin, xmax, ymax) on the grid."""


def overlap(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union of two boxes."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    total = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared
    return shared / total if total > 0 else 0.0


def grown(box: Sequence[float], margin: float) -> GridBox:
    """A grid box with room around it, as far as the picture goes: `margin` is a share of its size, on each side."""
    left, top, right, bottom = (round(edge) for edge in box)
    across, down = round(margin * (right - left)), round(margin * (bottom - top))
    return max(0, left - across), max(0, top - down), min(GRID, right + across), min(GRID, bottom + down)


def shrunk_size(size: Size, pixels: float) -> Size:
    """A size of at most about `pixels` pixels in the proportions of `size`; `size` itself where it has no more."""
    scale = min(1.0, math.sqrt(pixels / (size[0] * size[1])))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def centred_box(size: Size, ratio: float) -> GridBox:
    """The largest box in the middle of a picture of `size` that is `ratio` times as wide as high."""
    width, height = size
    share = min(height * ratio / width, 1.0), min(width / ratio / height, 1.0)
    across, down = (round(GRID * part / 2) for part in share)
    return GRID // 2 - across, GRID // 2 - down, GRID // 2 + across, GRID // 2 + down
