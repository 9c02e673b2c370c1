"""Flat regions of a drawn picture, and a signature by which the same region is known again at another size.

A region is a connected area of one colour (up to a small tolerance, so that soft gradients and grain do no harm).
Its signature is its filled outline in a grid of cells over its own box, with the box's shape and size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]

CELLS = 8
"""A signature's grid has CELLS x CELLS cells."""
LENGTH = CELLS * CELLS + 2
"""Numbers in a signature."""
BLOB_SHARES = (0.001, 0.004, 0.016)
"""Shares of a picture from which a flat region is large."""
_ASPECT, _SIZE = 2.5, 0.6


@dataclass(frozen=True)
class Regions:
    """Regions as rows of arrays."""

    boxes: Array
    """(n, 4) float32: left, top, right, bottom in pixels, right and bottom exclusive."""
    signatures: Array
    """(n, LENGTH) float32."""
    areas: Array
    """(n,) pixels."""

    def __len__(self) -> int:
        return len(self.boxes)


def smooth(pixels: Array, tolerance: int) -> Array:
    """Where a pixel and its neighbours right, below and across are alike: (height - 1, width - 1) uint8, 0 or 1.

    `pixels` is (height, width, 3) uint8, `tolerance` in levels of the channel that differs most.
    """
    low, high = cv2.min(pixels[:-1], pixels[1:]), cv2.max(pixels[:-1], pixels[1:])
    low, high = cv2.min(low[:, :-1], low[:, 1:]), cv2.max(high[:, :-1], high[:, 1:])
    first, second, third = cv2.split(cv2.subtract(high, low))
    spread = cv2.max(cv2.max(first, second), third)
    return np.asarray(cv2.threshold(spread, tolerance, 1, cv2.THRESH_BINARY_INV)[1])


def find_regions(pixels: Array, tolerance: int = 2, least: int = 8, largest: float = 0.9) -> Regions:
    """The flat regions of an (height, width, 3) uint8 picture, the largest first.

    Regions of fewer than `least` pixels, or wider or higher than the share `largest` of the picture, are left out.
    """
    return _described(smooth(pixels, tolerance), least, largest, 1)


def find_blobs(pixels: Array, tolerance: int = 2, shares: tuple[float, ...] = BLOB_SHARES) -> Regions:
    """The small things of a picture: what large flat regions leave over, with and without thin lines.

    A flat region is large from a share of the picture's area on; each of `shares` is tried.
    """
    flat = smooth(pixels, tolerance)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4, ltype=cv2.CV_32S)
    found: list[Regions] = []
    known: set[tuple[int, ...]] = set()
    for share in shares:
        large = stats[:, cv2.CC_STAT_AREA] >= share * flat.size
        # Label 0 is the background of the mask.
        large[0] = False
        rest = 1 - large.astype(np.uint8)[labels]
        # As it is, and opened: opening separates things that only a thin line connects.
        for side in (1, 3):
            kernel = np.ones((side, side), np.uint8)
            opened = cv2.morphologyEx(rest, cv2.MORPH_OPEN, kernel) if side > 1 else rest
            found.append(_described(opened, 20, 0.6, -1, known))
    return joined(found)


def _described(
    mask: Array, least: int, largest: float, grown: int, known: set[tuple[int, ...]] | None = None
) -> Regions:
    """The connected parts of a mask of 2 x 2 blocks. Boxes hold all their pixels (1) or not the outermost (-1).

    Those of a place and area that is `known` are left out; the others become known.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
    height, width = mask.shape
    wide, tall, area = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    good = (area >= least) & (wide >= 2) & (tall >= 2) & (wide < largest * width) & (tall < largest * height)
    good[0] = False
    chosen = np.flatnonzero(good)
    chosen = chosen[np.argsort(-area[chosen], kind="stable")][:300]
    if known is not None:
        by_row = {tuple(stats[label].tolist()): label for label in chosen}
        chosen = np.array([label for row, label in by_row.items() if row not in known], np.intp)
        known.update(by_row)
    boxes = np.zeros((len(chosen), 4), np.float32)
    signatures = np.zeros((len(chosen), LENGTH), np.float32)
    for row, label in enumerate(chosen):
        left, top = int(stats[label, cv2.CC_STAT_LEFT]), int(stats[label, cv2.CC_STAT_TOP])
        right, bottom = left + int(wide[label]), top + int(tall[label])
        part = (labels[top:bottom, left:right] == label).astype(np.uint8)
        boxes[row] = (left, top, right + 1, bottom + 1) if grown > 0 else (left + 1, top + 1, right, bottom)
        signatures[row] = signature(part)
    sized = (boxes[:, 2] > boxes[:, 0] + 1) & (boxes[:, 3] > boxes[:, 1] + 1)
    return Regions(boxes[sized], signatures[sized], area[chosen][sized])


def joined(parts: list[Regions]) -> Regions:
    """All of them, those told twice only once, the largest first."""
    boxes, areas = np.concatenate([part.boxes for part in parts]), np.concatenate([part.areas for part in parts])
    signatures = np.concatenate([part.signatures for part in parts])
    _, first = np.unique(np.column_stack([boxes, areas]), axis=0, return_index=True)
    first = first[np.argsort(-areas[first], kind="stable")]
    return Regions(boxes[first], signatures[first], areas[first])


def signature(part: Array) -> Array:
    """The signature of a region given as a (height, width) uint8 picture of 0 and 1 that it touches on all sides."""
    height, width = part.shape
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(part, outlines, -1, 1, cv2.FILLED)
    grid = np.empty(LENGTH, np.float32)
    if height < 2 * CELLS or width < 2 * CELLS:
        filled = cv2.resize(filled, (max(width, 2 * CELLS), max(height, 2 * CELLS)), interpolation=cv2.INTER_NEAREST)
    cells = cv2.resize(filled.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    grid[: CELLS * CELLS] = cells.ravel()
    grid[-2:] = _ASPECT * np.log((width + 1) / (height + 1)), _SIZE * np.log(max(width, height))
    return grid


def mirrored(signatures: Array) -> Array:
    """The signatures, (n, LENGTH), of the same regions seen in a mirror."""
    turned = signatures.copy()
    cells = turned[:, : CELLS * CELLS].reshape(-1, CELLS, CELLS)
    turned[:, : CELLS * CELLS] = cells[:, :, ::-1].reshape(len(turned), -1)
    return turned
