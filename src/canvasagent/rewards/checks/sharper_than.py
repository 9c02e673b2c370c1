"""The final picture shows finer detail than an input does, both seen at one size."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.rewards.checks._examples import blurred, scenes
from canvasagent.rewards.checks._pixels import Array, final_of, grey, input_of, ncc, needs_picture, resized, share
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result, not_measured


class SharperThan(Parameters):
    """What `sharper_than` takes."""

    input: int = Field(default=1, ge=1)
    """Number of the input picture."""
    by: float = Field(default=1.08, ge=1)
    """How many times as steep the steepest edges must be."""


@needs_picture
def measure(parameters: SharperThan, result: Result) -> Finding:
    """Both are brought to the larger one's size (at most 1024 pixels a side, bicubic).

    Compared is how steep the steepest twentieth of edges are beside the contrast they span, so that contrast alone
    does not count, and noise counts little. The pictures must show the same (correlation 0.5 or more). Beside an input
    without edges nothing can be measured.
    """
    original, final = grey(input_of(result, parameters.input)), grey(final_of(result))
    height = min(1024, max(original.shape[0], final.shape[0]))
    width = min(1024, max(original.shape[1], final.shape[1]))
    if min(height, width) < 8:
        return not_measured("the pictures are too small to have edges")
    before, after = (
        steepness(cv2.resize(item, (width, height), interpolation=_by(item, width))) for item in (original, final)
    )
    if not before:
        return not_measured("the input has no edges to compare with")
    same = ncc(*(resized(item, 48, 48) for item in (original, final)))
    if same < 0.5:
        return Finding(0.0, False, f"the picture does not show what the input shows (likeness {same:.2f})")
    times = after / before
    passed = times >= parameters.by
    return Finding(share(times / (2 * parameters.by)), passed, f"edges are {times:.2f} times as steep as the input's")


def _by(pixels: Array, width: int) -> int:
    return int(cv2.INTER_AREA if width < pixels.shape[1] else cv2.INTER_CUBIC)


def steepness(pixels: Array) -> float:
    """Mean slope by local contrast (5 pixels around) where the slope is among the steepest twentieth; 0 if flat."""
    calm = cv2.GaussianBlur(pixels, (0, 0), 0.6)
    slope = np.hypot(cv2.Sobel(calm, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(calm, cv2.CV_32F, 0, 1, scale=0.125))
    around = np.ones((9, 9), np.uint8)
    span = cv2.dilate(calm, around) - cv2.erode(calm, around)
    edges = (slope >= np.quantile(slope, 0.95)) & (span > 12)
    return float((slope[edges] / span[edges]).mean()) if edges.any() else 0.0


def examples(seed: int) -> Iterable[Example]:
    """Soft inputs beside their sharp originals; pictures enlarged, softened or only made richer in contrast."""
    for index, sharp in enumerate(scenes(seed)):
        soft = blurred(sharp, 1.2 + 0.4 * index)
        small = soft.resize((soft.width // 2, soft.height // 2), Image.Resampling.BOX)
        yield Example({}, Result(sharp, ((soft, small)[index % 2],)), True, 0.5 + 0.1 * index)
        contrast = soft.point([min(255, max(0, round((v - 128) * 1.5 + 128))) for v in range(256)] * 3)
        enlarged = soft.resize((soft.width * 2, soft.height * 2), Image.Resampling.BICUBIC)
        broken = (soft, blurred(soft, 1), contrast, enlarged, soft, blurred(soft, 3))[index]
        yield Example({}, Result(broken, (soft,)), False, 0.3 + 0.1 * index)
    yield Example({}, Result(scenes(seed)[0], (scenes(seed)[1],)), False)


CHECK = Check(
    name="sharper_than",
    summary="The final picture is sharper than an input picture, both seen at one size.",
    parameters=SharperThan,
    measure=measure,
    examples=examples,
    means="Steepness of edges beside the contrast they span, at one common size.",
)
