"""Masks by U²-Netp: the main subject of a photograph, and the thing in a box.

X. Qin et al., "U²-Net: Going deeper with nested U-structure for salient object detection", Pattern Recognition 106,
2020.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.cutting import guided
from canvasagent.backends.lite.photographs import networks
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]

SIDE = 320
"""Side in pixels of the square copy that the network takes."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALLEST, SURE, BLURRED = 0.015, 0.85, 0.5
"""A subject takes at least this share of the picture, is at least so probable on average, and its blurred rim (0.2 to
0.8) has at most this share of its size: bricks, gravel and the surface of the moon have none."""
SURE_IN_BOX, FITS = 0.75, 0.4
"""The same mean probability for a thing in a box, and how well the mask's box must fit it (intersection over union);
where either is less, GrabCut is asked instead."""
LEAST_SIDE = 16
"""Sides of a part in pixels below which nothing can be seen in it."""
WORK_SIDE = 1600
"""Longer side in pixels of the copy in which the edges of a larger picture are drawn."""
MARGIN, SPILL = 0.12, 0.04
"""How far round a box the network looks, and how far the mask may reach beyond it, as shares of the box's sides."""


def subject(pixels: Array) -> Array | None:
    """How likely each pixel of (height, width, 3) uint8 RGB belongs to the main subject, float32.

    None where no subject is clear. Raises `WeightsError` where the network is missing or damaged.
    """
    coarse = _probability(pixels)
    sure = coarse > 0.5
    if sure.mean() < SMALLEST or coarse[sure].mean() < SURE:
        return None
    if ((coarse > 0.2) & (coarse < 0.8)).sum() > BLURRED * sure.sum():
        return None
    return _refined(coarse, pixels)


def subject_box(pixels: Array) -> tuple[PixelBox, float] | None:
    """The box of the main subject in pixels and how sure it is; None where none is clear. Raises `WeightsError`."""
    likely = subject(pixels)
    if likely is None:
        return None
    mask = likely > 0.5
    left, top, across, down = cv2.boundingRect(mask.astype(np.uint8))
    return (float(left), float(top), float(left + across), float(top + down)), round(float(likely[mask].mean()), 4)


def thing_in(pixels: Array, box: PixelBox) -> Array | None:
    """The boolean mask (height, width) of the thing in a box of a photograph; None where the network sees none.

    Raises `WeightsError` where the network is missing or damaged.
    """
    outer, inner = _grown(box, MARGIN, pixels.shape), _grown(box, SPILL, pixels.shape)
    part = np.ascontiguousarray(pixels[outer[1] : outer[3], outer[0] : outer[2]])
    if min(part.shape[:2]) < LEAST_SIDE:
        return None
    coarse = _probability(part)
    sure = coarse > 0.5
    if not sure.any() or coarse[sure].mean() < SURE_IN_BOX:
        return None
    mask = np.zeros(pixels.shape[:2], bool)
    mask[outer[1] : outer[3], outer[0] : outer[2]] = _refined(coarse, part) > 0.5
    kept = np.zeros_like(mask)
    window = slice(inner[1], inner[3]), slice(inner[0], inner[2])
    kept[window] = mask[window]
    kept = _without_specks(kept)
    if not kept.any():
        return None
    left, top, across, down = cv2.boundingRect(kept.astype(np.uint8))
    fits = overlap((left, top, left + across, top + down), box) >= FITS
    return kept if fits else None


def _probability(pixels: Array) -> Array:
    shrinks = min(pixels.shape[:2]) > SIDE
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return _saliency(networks.saliency(), small.tobytes())


@lru_cache(maxsize=16)
def _saliency(session: Any, data: bytes) -> Array:
    """(320, 320) float32, 0 to 1."""
    values: Array = np.frombuffer(data, np.uint8).reshape(SIDE, SIDE, 3).astype(np.float32)
    values /= max(float(values.max()), 1.0)
    values = (values - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)
    first = session.get_outputs()[0].name
    (found,) = session.run([first], {session.get_inputs()[0].name: values.transpose(2, 0, 1)[None]})
    found[0, 0].setflags(write=False)
    return np.asarray(found[0, 0])


def _refined(coarse: Array, pixels: Array) -> Array:
    """Enlarged to the picture, edges drawn to those of the picture; of a large picture, to those of a smaller copy."""
    height, width = pixels.shape[:2]
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    guide = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    radius = max(2, round(max(size) / SIDE))
    fine = guided(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), guide, radius)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR) if scale < 1 else fine


def _without_specks(mask: Array, share: float = 0.05) -> Array:
    """Without pieces smaller than a share of the largest one, small holes filled."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    keep = stats[:, cv2.CC_STAT_AREA] >= share * stats[1:, cv2.CC_STAT_AREA].max()
    keep[0] = False
    return np.asarray(keep[pieces])


def _grown(box: PixelBox, share: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    across, down = share * (box[2] - box[0]), share * (box[3] - box[1])
    left, top = max(int(box[0] - across), 0), max(int(box[1] - down), 0)
    right, bottom = min(int(np.ceil(box[2] + across)), shape[1]), min(int(np.ceil(box[3] + down)), shape[0])
    return left, top, max(right, left + 1), max(bottom, top + 1)
