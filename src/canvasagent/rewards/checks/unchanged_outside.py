"""Outside of a region the final picture is as the input was."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.imaging.geometry import box_to_pixels
from canvasagent.rewards.checks._examples import blurred, scenes, spotted
from canvasagent.rewards.checks._pixels import (
    Array,
    Region,
    final_of,
    input_of,
    needs_picture,
    resized,
    rgb,
    share,
    within,
)
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result

BESIDE_EDGES = 0.2
"""Share of the contrast around a pixel by which it may differ beside the tolerance."""
SOFTEST, SHARPEST = 0.8, 1.3
"""How many times as steep slopes may be as they were. A blur of 0.8 pixels keeps 0.82 or more, of 1.5 at most 0.77."""


class UnchangedOutside(Parameters):
    """What `unchanged_outside` takes."""

    region: Region | None = None
    """Where changes are expected, on the input's 0–1000 grid; None: nowhere, the whole picture must be kept."""
    input: int = Field(default=1, ge=1)
    """Number of the input picture."""
    tolerance: float = Field(default=12.0, ge=0, le=255)
    """Difference (0–255, the largest of three channels) from which a pixel counts as changed; JPEG stays below."""
    share: float = Field(default=0.004, ge=0, le=1)
    """Share of the pixels outside that may be changed."""


@needs_picture
def measure(parameters: UnchangedOutside, result: Result) -> Finding:
    """Both are compared at the smaller's size, after a blur of 0.7 pixels, the final stretched to the input's shape.

    Beside an edge a pixel may differ by a fifth of the contrast around it as well, which is what scaling, JPEG and a
    blur that is not seen do to it; but all in all slopes must be as steep as before. The border of the region, of
    1.5 % of the longer side, belongs to the region.
    """
    original, final = (rgb(item) for item in (input_of(result, parameters.input), final_of(result)))
    shape = original.shape[1] / original.shape[0] / (final.shape[1] / final.shape[0])
    if not 0.97 < shape < 1.03:
        return Finding(0.0, False, "the picture has another shape than the input")
    original = within(within(original, 1024), max(final.shape[:2]))
    height, width = original.shape[:2]
    final = resized(np.ascontiguousarray(final), width, height)
    before, after = (cv2.GaussianBlur(item, (0, 0), 0.7).astype(np.float32) for item in (original, final))
    changed = (np.abs(before - after) - BESIDE_EDGES * _span(before)).max(axis=2) > parameters.tolerance
    outside = np.ones((height, width), bool)
    if parameters.region is not None:
        rim = max(2, round(0.015 * max(width, height)))
        left, top, right, bottom = box_to_pixels(parameters.region, (width, height))
        outside[max(top - rim, 0) : bottom + rim, max(left - rim, 0) : right + rim] = False
    if not outside.any():
        return Finding(1.0, True, "the region covers the whole picture")
    changed_share = float((changed & outside).sum() / outside.sum())
    steeper = _steepness(after, outside) / _steepness(before, outside)
    passed = changed_share <= parameters.share and SOFTEST <= steeper <= SHARPEST
    why = f"{changed_share:.2%} of what lies outside is changed; {parameters.share:.2%} is allowed"
    if not SOFTEST <= steeper <= SHARPEST:
        why += f"; its slopes are {steeper:.2f} times as steep as they were"
    return Finding(1.0 if passed else share(0.8 * (1 - changed_share) ** 2), passed, why)


def _span(pixels: Array) -> Array:
    """The contrast around each pixel: the largest less the smallest value of 5 × 5, by channel."""
    around = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.dilate(pixels, around) - cv2.erode(pixels, around))


def _steepness(pixels: Array, where: Array) -> float:
    """Mean slope of the luminance, and a little, so that flat pictures compare."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return float(slope[where].mean()) + 4.0


def examples(seed: int) -> Iterable[Example]:
    """Edits inside of a region, through JPEG's or scaling's losses; edits that leak out, shift or tint the rest."""
    for index, picture in enumerate(scenes(seed)):
        region = [300, 200, 700, 600]
        box = box_to_pixels(region, picture.size)
        edited = spotted(picture, box, seed + index, ("tomato", None)[index % 2])
        twice = edited.resize((2 * edited.width, 2 * edited.height), Image.Resampling.BICUBIC)
        yield Example({"region": region}, Result((edited, twice)[index // 3], (picture,)), True, 1 - 0.5 * (index // 3))
        leak = spotted(edited, (4, 4, 4 + 8 * (1 + index), 30), seed + index, "indigo")
        tint = Image.blend(edited, Image.new("RGB", edited.size, "orange"), 0.2 + 0.1 * index)
        shift = edited.transform(edited.size, Image.Transform.AFFINE, (1, 0, 6, 0, 1, 0))
        broken = (leak, tint, shift, blurred(edited, 2.5), edited.transpose(Image.Transpose.FLIP_LEFT_RIGHT), leak)[
            index
        ]
        yield Example({"region": region}, Result(broken, (picture,)), False, 0.3 + 0.1 * index)
        soft = blurred(edited, 0.6)
        yield Example({"region": region}, Result(soft, (picture,)), True, 0.2)
    yield Example({}, Result(picture, (picture,)), True)
    yield Example({}, Result(spotted(picture, (10, 10, 60, 60), seed), (picture,)), False)


CHECK = Check(
    name="unchanged_outside",
    summary="Outside of a region, the final picture is as an input picture was.",
    parameters=UnchangedOutside,
    measure=measure,
    examples=examples,
    means="The two pictures' pixels, compared one by one with regard to the contrast around them, and slopes.",
)
