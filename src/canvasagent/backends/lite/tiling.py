"""Work on a picture tile by tile: bounded memory, and steps short enough to cancel a call between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from canvasagent.concurrency.cancellation import check_cancelled

Array = np.ndarray[Any, Any]
Window = tuple[slice, slice]
"""Rows and columns."""

SIDE = 1024
"""Side of a tile in pixels, unless told otherwise."""


def tiles(height: int, width: int, side: int, margin: int) -> Iterator[tuple[Window, Window]]:
    """Tiles that cover a picture: what is kept of each, and what is worked on, `margin` pixels more on every side.

    Raises `Cancelled` before a tile if the call was cancelled.
    """
    for top in range(0, height, side):
        for left in range(0, width, side):
            check_cancelled()
            bottom, right = min(top + side, height), min(left + side, width)
            yield (
                (slice(top, bottom), slice(left, right)),
                (
                    slice(max(0, top - margin), min(bottom + margin, height)),
                    slice(max(0, left - margin), min(right + margin, width)),
                ),
            )


def in_tiles(pixels: Array, change: Callable[[Array], Array], margin: int, side: int = SIDE) -> Array:
    """`change(pixels)`, made of tiles: for a change of (height, width, channels) that keeps size and type.

    The result is that of the whole picture where no pixel of it depends on any further away than `margin`.
    """
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        check_cancelled()
        return change(pixels)
    result = np.empty_like(pixels)
    for kept, worked in tiles(height, width, side, margin):
        top, left = kept[0].start - worked[0].start, kept[1].start - worked[1].start
        part = change(np.ascontiguousarray(pixels[worked]))
        result[kept] = part[top : top + kept[0].stop - kept[0].start, left : left + kept[1].stop - kept[1].start]
    return result
