"""Boards: the flat, sharply bounded area that a line of text stands on, such as a shop sign or a number plate."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from canvasagent.imaging.geometry import PixelBox

Array = np.ndarray[Any, Any]

TOLERANCE = 14.0
"""Distance in Lab within which a pixel has the board's colour."""
FILLED = 0.86
"""Share of its tightest (turned) rectangle that a board fills, its letters counted in."""


def board_mask(pixels: Array, text: PixelBox) -> Array | None:
    """The mask (height, width; boolean) of the board under the text in the box `text`; None where there is none.

    `pixels` is (height, width, 3) uint8 RGB. A board has one colour, is nearly a rectangle, larger than the text
    and inside the picture: a page that fills the picture is none.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(edge) for edge in text)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if right - left < 4 or bottom - top < 4:
        return None
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32)
    like = (np.linalg.norm(lab - _ground(lab[top:bottom, left:right]), axis=2) < TOLERANCE).astype(np.uint8)
    like[top:bottom, left:right] = 1  # the letters are on the board
    _, labels = cv2.connectedComponents(like, connectivity=4)
    piece = (labels == labels[(top + bottom) // 2, (left + right) // 2]).astype(np.uint8)
    piece = cv2.morphologyEx(piece, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    return _accepted(outline, (height, width), (right - left) * (bottom - top))


def _ground(part: Array) -> Array:
    """The colour between letters: that of the larger of two clusters of lightness, by its median."""
    flat = part.reshape(-1, 3)
    light = np.ascontiguousarray(flat[:, 0]).astype(np.uint8)
    threshold, _ = cv2.threshold(light, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    upper = light > threshold
    chosen = upper if upper.mean() > 0.5 else ~upper
    median: Array = np.median(flat[chosen], axis=0)
    return median


def _accepted(outline: Array, size: tuple[int, int], text_area: int) -> Array | None:
    area = cv2.contourArea(outline)
    (_, (wide, tall), _) = cv2.minAreaRect(outline)
    left, top, width, height = cv2.boundingRect(outline)
    border = left <= 1 or top <= 1 or left + width >= size[1] - 1 or top + height >= size[0] - 1
    if border or area < 1.25 * text_area or area < FILLED * wide * tall:
        return None
    mask = np.zeros(size, np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED)
    return mask.astype(bool)


def board_box(pixels: Array, text: PixelBox) -> PixelBox | None:
    """The box around the board under the text in the box `text`; None where there is none."""
    mask = board_mask(pixels, text)
    return None if mask is None else mask_box(mask)


def board_in(pixels: Array, box: PixelBox, least: float = 0.85) -> Array | None:
    """The mask of a board that fills `box`, its letters counted in; None where there is none."""
    across, down = 0.2 * (box[2] - box[0]), 0.2 * (box[3] - box[1])
    mask = board_mask(pixels, (box[0] + across, box[1] + down, box[2] - across, box[3] - down))
    if mask is None:
        return None
    left, top, right, bottom = mask_box(mask)
    shared = max(min(right, box[2]) - max(left, box[0]), 0) * max(min(bottom, box[3]) - max(top, box[1]), 0)
    both = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1]) - shared
    return mask if shared / both >= least else None


def mask_box(mask: Array) -> PixelBox:
    """The box around a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
