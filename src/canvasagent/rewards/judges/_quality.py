"""How good a picture looks, measured without a reference: eight published measures, each mapped to 0..1.

Every mapping is a straight ramp between a value that is plainly bad and one that is plainly good, and the score is the
weighted geometric mean of them: monotone in each measure, and one bad defect is not outweighed by the rest. The
ends of the ramps were set on photographs and drawn scenes and on copies of them that were spoilt step by step. What is
measured is technical quality alone; whether a picture is beautiful, no such measure tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from canvasagent.imaging.pictures import shrink, to_profile

Plane = npt.NDArray[np.float32]

LOOK_PIXELS = 1024 * 1024
"""Larger pictures are measured on a copy of this size."""
FLOOR = 0.02
"""What a measure at its worst counts in the geometric mean."""
STRIP = 16
"""Pixels of a straight line that a seam has at least."""


@dataclass(frozen=True)
class Planes:
    """A picture as the measures read it, values 0..1."""

    colour: npt.NDArray[np.float32]
    luma: Plane
    solid: npt.NDArray[np.bool_]
    """Where it is not transparent."""


@dataclass(frozen=True)
class Measure:
    """One measure: its value, and the ramp from bad to good."""

    name: str
    source: str
    value: Callable[[Planes], float]
    bad: float
    good: float
    weight: float

    def score(self, value: float) -> float:
        """0 where `value` is at the bad end or beyond, 1 at the good end or beyond."""
        return min(1.0, max(0.0, (value - self.bad) / (self.good - self.bad)))


def view_of(picture: Image.Image) -> Planes:
    """The view of a picture of any mode: in sRGB, transparent parts laid on white and left out of the statistics."""
    small = shrink(to_profile(picture, None), LOOK_PIXELS).convert("RGBA")
    alpha = np.asarray(small.getchannel("A"))
    flat = Image.new("RGBA", small.size, "white")
    flat.alpha_composite(small)
    colour = np.asarray(flat.convert("RGB"), dtype=np.float32) / np.float32(255)
    luma = (colour @ np.array([0.299, 0.587, 0.114], dtype=np.float32)).astype(np.float32)
    return Planes(colour, luma, alpha >= 128)


def blur(view: Planes) -> float:
    """How much of the change between neighbours a further blur leaves as it was: 0 sharp, 1 blurred."""
    kept = []
    for axis in (0, 1):
        softened = _box(view.luma, 9, axis)
        before = np.abs(np.diff(view.luma, axis=axis))
        lost = np.maximum(before - np.abs(np.diff(softened, axis=axis)), 0)
        total = float(before.sum())
        kept.append((total - float(lost.sum())) / total if total > 1e-6 else 0.0)
    return max(kept)


def contrast(view: Planes) -> float:
    """Spread of the brightness: from its darkest to its brightest twentieth."""
    low, high = _percentiles(view, 2.5, 97.5)
    return high - low


def exposure(view: Planes) -> float:
    """Distance of the median brightness from the nearer end of the scale."""
    (middle,) = _percentiles(view, 50)
    return min(middle, 1 - middle)


def colourfulness(view: Planes) -> float:
    """Spread and mean of the two opponent colours, on their usual scale (0 grey, above 80 extremely colourful)."""
    red, green, blue = (view.colour[..., band][view.solid] * 255 for band in range(3))
    if red.size == 0:
        return 0.0
    first, second = red - green, (red + green) / 2 - blue
    spread = math.hypot(float(first.std()), float(second.std()))
    return spread + 0.3 * math.hypot(float(first.mean()), float(second.mean()))


def noise(view: Planes) -> float:
    """Standard deviation of the noise, in levels of 255: what a Laplacian difference finds in the calmest tenth of
    the picture, so that texture is not taken for it."""
    luma = view.luma * 255
    if min(luma.shape) < 24:
        return 0.0
    inner = (
        luma[:-2, :-2] - 2 * luma[:-2, 1:-1] + luma[:-2, 2:]
        - 2 * luma[1:-1, :-2] + 4 * luma[1:-1, 1:-1] - 2 * luma[1:-1, 2:]
        + luma[2:, :-2] - 2 * luma[2:, 1:-1] + luma[2:, 2:]
    )  # fmt: skip
    rows, columns = inner.shape[0] // 8, inner.shape[1] // 8
    blocks = np.abs(inner[: rows * 8, : columns * 8]).reshape(rows, 8, columns, 8).mean(axis=(1, 3))
    return float(np.percentile(blocks, 10)) * math.sqrt(math.pi / 2) / 6


def blockiness(view: Planes) -> float:
    """Mean step across the borders of 8 × 8 blocks over the mean step inside them; 1 where there are no blocks."""
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(view.luma, axis=axis)).mean(axis=1 - axis)
        if len(steps) < 24:
            return 1.0
        border = np.arange(len(steps)) % 8 == 7
        inside = float(np.median([steps[offset::8].mean() for offset in range(7)]))
        ratios.append((float(steps[border].mean()) + 1 / 512) / (inside + 1 / 512))
    return max(ratios)


def seams(view: Planes) -> float:
    """Length of the steps that run dead straight along a row or column, calm on both sides, over the picture's side."""
    total = 0.0
    for axis in (0, 1):
        luma = view.luma if axis == 1 else view.luma.T
        if luma.shape[1] < 8 or luma.shape[0] < STRIP:
            continue
        step = np.diff(luma, axis=1)
        size = np.abs(step)
        beside = np.maximum(size[:, :-2], size[:, 2:])
        sharp = (size[:, 1:-1] > 0.03) & (size[:, 1:-1] > 3 * beside + 0.01)
        signed = np.where(sharp, np.sign(step[:, 1:-1]), 0).astype(np.float32)
        share = np.abs(_box(signed, STRIP, 0))
        straight = (share > 0.85).sum(axis=0)
        total += float(straight.sum()) / luma.shape[0]
    return total


def jaggedness(view: Planes) -> float:
    """Length of the slanted edges that jump in one pixel, as a hard mask leaves them, over the picture's mean side."""
    if min(view.luma.shape) < 16:
        return 0.0
    down, across = np.abs(np.gradient(_box(_box(view.luma, 5, 0), 5, 1)))
    slanted = np.minimum(down, across) > 0.35 * np.maximum(down, across)
    total = 0.0
    for luma, slant in ((view.luma, slanted), (view.luma.T, slanted.T)):
        step = np.abs(np.diff(luma, axis=1))
        around = np.maximum(step[:, :-2], step[:, 2:])
        hard = (step[:, 1:-1] > 0.08) & (step[:, 1:-1] > 6 * around) & slant[:, 1:-2]
        total += float(hard.sum())
    return total / sum(view.luma.shape)


MEASURES: tuple[Measure, ...] = (
    Measure("sharpness", "Crété-Roffet et al., The blur effect, 2007", blur, 0.85, 0.35, 0.22),
    Measure("contrast", "our own: percentiles, for Peli's contrast in complex images, 1990", contrast, 0.1, 0.6, 0.20),
    Measure("exposure", "our own: after the well-exposedness of Mertens et al., 2007", exposure, 0.0, 0.15, 0.08),
    Measure("colour", "Hasler and Süsstrunk, Measuring colourfulness, 2003", colourfulness, -40.0, 15.0, 0.06),
    Measure("noise", "Immerkær, Fast noise variance estimation, 1996; by blocks", noise, 14.0, 1.0, 0.16),
    Measure("blocks", "after Wang, Sheikh and Bovik, No-reference JPEG quality, 2002", blockiness, 3.0, 1.1, 0.12),
    Measure("seams", "our own: straight steps that are calm on both sides", seams, 15.0, 0.0, 0.08),
    Measure("edges", "our own: slanted edges without a pixel between", jaggedness, 3.0, 0.0, 0.08),
)


@dataclass(frozen=True)
class Quality:
    """The score and each measure's value and part of it."""

    score: float
    parts: dict[str, tuple[float, float]]


def quality(picture: Image.Image) -> Quality:
    """How good `picture` looks, 0 to 1."""
    view = view_of(picture)
    parts: dict[str, tuple[float, float]] = {}
    total = 0.0
    for measure in MEASURES:
        value = measure.value(view)
        part = measure.score(value)
        parts[measure.name] = (value, part)
        total += measure.weight * math.log(max(part, FLOOR))
    blank = parts["contrast"][0] == 0.0
    return Quality(0.0 if blank else math.exp(total), parts)


def _box(plane: Plane, width: int, axis: int) -> Plane:
    """Running mean of `width` values along an axis; the border repeats."""
    import cv2

    size = (1, width) if axis == 0 else (width, 1)
    blurred: Plane = cv2.blur(plane, size, borderType=cv2.BORDER_REPLICATE)
    return blurred


def _percentiles(view: Planes, *which: float) -> list[float]:
    values = view.luma[view.solid]
    return [float(value) for value in np.percentile(values, which)] if values.size else [0.0] * len(which)
