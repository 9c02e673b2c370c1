"""Whether a thing in a photograph is of a colour: what most of it is, or which strong colour it has most of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.saliency import thing_in
from canvasagent.backends.lite.phrases import color_range
from canvasagent.backends.lite.shapes import color_mask
from canvasagent.english.colors import HsvRange, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.english.noun_phrase import NounPhrase
from canvasagent.imaging.geometry import PixelBox

Array = np.ndarray[Any, Any]

PLAIN = ("white", "grey", "black")
"""Families of colours without a hue: in a photograph they take on that of the light."""
MOST = 0.35
"""Share of a thing that must be of a plain colour."""
SOME = 0.12
"""Share of a thing from which its most frequent strong colour counts: a motorcycle's tank, a bus's side."""
_SIDE = 256


def is_of_colour(pixels: Array, box: PixelBox, phrase: NounPhrase) -> bool:
    """Whether the thing in a box of (height, width, 3) uint8 RGB `pixels` is of the colour that a phrase names."""
    part, mask = _thing(pixels, box)
    if not mask.any():
        return False
    if phrase.family in PLAIN and not phrase.shade:
        return float(color_mask(part, _plain_range(phrase.family))[mask].mean()) >= MOST
    wanted = float(color_mask(part, color_range(phrase))[mask].mean())
    strong = [name for name in lexicon()["families"] if name not in PLAIN]
    others = [float(color_mask(part, hsv_range(name))[mask].mean()) for name in strong]
    return wanted >= MOST or (wanted >= SOME and wanted >= 0.8 * max(others))


def _plain_range(name: str) -> HsvRange:
    """Where a colour without a hue lies in photographs."""
    table = lexicon()["photographed_colors"][name]
    return HsvRange(((0, 179),), tuple(table["saturation"]), tuple(table["value"]))


def _thing(pixels: Array, box: PixelBox) -> tuple[Array, Array]:
    """The part of the picture in a box, small, and where the thing is in it: its mask, else the middle of the box."""
    left, top, right, bottom = (max(round(edge), 0) for edge in box)
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if not part.size:
        return np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), bool)
    mask = thing_in(pixels, box) if networks.has(networks.SALIENCY) else None
    if mask is not None:
        inside = mask[top:bottom, left:right]
    else:
        inside = np.zeros(part.shape[:2], bool)
        high, wide = part.shape[:2]
        inside[high // 5 : high - high // 5, wide // 5 : wide - wide // 5] = True
    scale = min(1.0, _SIDE / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return small, cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
