"""The regions and outlines of sprites at many sizes, taken from drawings of them."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from canvasagent.sketch.placement import Placement
from canvasagent.sketch.regions import Array, find_regions, signature
from canvasagent.sketch.render import SHADED, put, sprite_picture
from canvasagent.sketch.sprite import Sprite

HEIGHTS = (26, 38, 56, 84, 128, 200)
"""Heights in pixels at which regions are taken from a sprite."""
BLOB_HEIGHTS = (20, 25, 30, 36, 44, 56, 76, 110, 160)
"""Heights at which whole outlines are taken."""
PALE, PALE_HEIGHTS = "#f6f6f4", (38, 84, 200)
"""A main colour whose light tone can hardly be told from it, and the heights at which regions are taken of it."""
RIMS = (3, 5)
"""Pixels of the rims of outline and paper look in a picture of 512 pixels."""
SHADOWED = 76
"""Height up to which a thing's shadow is seen as a part of it; that of larger ones is too soft."""
MARGIN = 8
_GROUND = (255, 0, 255)


def regions_of(sprite: Sprite) -> tuple[Array, Array]:
    """Signatures (n, LENGTH) and boxes (n, 4, in fractions) of a sprite's regions at several sizes and tones."""
    signatures: list[Array] = []
    boxes: list[Array] = []
    for height in HEIGHTS:
        for color in (None, PALE) if height in PALE_HEIGHTS else (None,):
            canvas, alpha = _on_ground(sprite, color, height)
            found = find_regions(canvas, least=8, largest=0.999)
            inside = (found.areas >= 0.004 * alpha.size) & _within_alpha(found.boxes, alpha)
            if color:
                inside &= _unlike(found.signatures, signatures[-1])
            signatures.append(found.signatures[inside])
            boxes.append((found.boxes[inside] - MARGIN) / np.array(alpha.shape[::-1] * 2, np.float32))
    return np.concatenate(signatures), np.concatenate(boxes)


def outlines_of(sprite: Sprite) -> tuple[Array, Array]:
    """Signatures and boxes of a sprite's whole outline at several sizes: as it is, grown by the looks' rims, and with
    the shadow below it."""
    signatures: list[Array] = []
    boxes: list[Array] = []
    for height in BLOB_HEIGHTS:
        _, alpha = _on_ground(sprite, None, height)
        solid = np.pad((alpha > 0.06).astype(np.uint8), MARGIN)
        masks = [solid] + [
            cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2)) for rim in RIMS
        ]
        if height <= SHADOWED and sprite.info.stands[0] in SHADED:
            masks.append(_with_shadow(sprite, alpha.shape[1], height))
        for mask in masks:
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
            signatures.append(
                signature(np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
            )
            margin = np.array([mask.shape[1] - alpha.shape[1], mask.shape[0] - height] * 2) / 2
            boxes.append((box - margin) / np.array(alpha.shape[::-1] * 2, np.float32))
    return np.stack(signatures), np.stack(boxes)


def _with_shadow(sprite: Sprite, width: int, height: int) -> Array:
    """Where a sprite or its shadow are seen on mid-grey, with room around (uint8, 0 or 1)."""
    room = MARGIN + width // 8
    ground = Image.new("RGB", (width + 2 * room, height + 2 * room), (150, 150, 150))
    put(ground, Placement(0, sprite, sprite.info.stands[0], room, room, width, height, False), "flat")
    return np.asarray((np.abs(np.asarray(ground, np.int16) - 150).max(axis=2) > 9).astype(np.uint8))


def _on_ground(sprite: Sprite, color: str | None, height: int) -> tuple[Array, Array]:
    """A sprite of that height on a ground unlike any of its colours, MARGIN pixels round it, and its alpha, 0 to 1."""
    size = max(2, round(height * sprite.aspect)), height
    pixels = np.asarray(sprite_picture(sprite, color, size, False), dtype=np.float32)
    alpha = pixels[..., 3:] / 255
    ground = np.array(_GROUND, np.float32)
    canvas = np.full((size[1] + 2 * MARGIN, size[0] + 2 * MARGIN, 3), _GROUND, np.uint8)
    canvas[MARGIN:-MARGIN, MARGIN:-MARGIN] = np.rint(pixels[..., :3] * alpha + ground * (1 - alpha))
    return canvas, alpha[..., 0]


def _within_alpha(boxes: Array, alpha: Array) -> Array:
    """Which boxes lie inside the drawing: not the ground round it."""
    height, width = alpha.shape
    whole = boxes - MARGIN
    return np.asarray(
        (whole[:, 0] > -1.5) & (whole[:, 1] > -1.5) & (whole[:, 2] < width + 1.5) & (whole[:, 3] < height + 1.5)
    )


def _unlike(signatures: Array, known: Array) -> Array:
    """Which signatures are not among those known."""
    if not len(known):
        return np.ones(len(signatures), bool)
    distance = np.abs(signatures[:, None] - known[None]).max(axis=2).min(axis=1)
    return np.asarray(distance > 0.15)
