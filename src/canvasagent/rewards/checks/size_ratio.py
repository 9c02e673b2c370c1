"""The final picture is so many times as large as an input, in width, height or area."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from PIL import Image
from pydantic import Field

from canvasagent.rewards.checks._examples import texture
from canvasagent.rewards.checks._pixels import final_of, input_of, needs_picture, share
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class SizeRatio(Parameters):
    """What `size_ratio` takes."""

    ratio: float = Field(gt=0)
    """Final by input: 4 after super-resolution, 0.5 for half; of the area, the share that a crop leaves."""
    of: Literal["both", "width", "height", "area"] = "both"
    """What is compared; `both` is width and height, each."""
    input: int = Field(default=1, ge=1)
    """Number of the input picture."""
    tolerance: float = Field(default=0.02, ge=0, lt=1)
    """Relative deviation that still passes; a pixel of rounding always does."""


@needs_picture
def measure(parameters: SizeRatio, result: Result) -> Finding:
    """The deviation is |log(found / wanted)|; a score of 0.5 is a factor of about 1.5."""
    final, original = final_of(result), input_of(result, parameters.input)
    pairs = {"width": [(final.width, original.width)], "height": [(final.height, original.height)]}
    pairs["both"] = pairs["width"] + pairs["height"]
    pairs["area"] = [(final.width * final.height, original.width * original.height)]
    passed, worst = True, 0.0
    for have, base in pairs[parameters.of]:
        rounding = final.width + final.height if parameters.of == "area" else 1
        off = abs(have - base * parameters.ratio)
        passed &= off <= max(parameters.tolerance * base * parameters.ratio, rounding)
        worst = max(worst, abs(math.log(have / (base * parameters.ratio))))
    sizes = f"{original.width} × {original.height} became {final.width} × {final.height}"
    what = "width and height" if parameters.of == "both" else f"the {parameters.of}"
    score = 1.0 if passed else share(min(math.exp(-1.7 * worst), 0.95))
    return Finding(score, passed, f"{sizes}; wanted {parameters.ratio:g} times {what}")


def examples(seed: int) -> Iterable[Example]:
    """Ratios kept, kept to the pixel of rounding, and missed by a little or by a lot."""
    original = texture(seed, (61 + seed % 7, 40))
    right = ((4, 4, 4), (2, 2, 2), (0.5, 0.5, 0.5), (1, 1, 1), (3, 3, 3), (1.5, 1.5, 1.5))
    wrong = ((4, 2, 2), (4, 1, 1), (2, 2, 1.9), (0.5, 0.5, 0.6), (3, 3.3, 3.3), (1, 1, 1.2))
    for holds, cases in ((True, right), (False, wrong)):
        for ratio, across, down in cases:
            final = original.resize(
                (round(original.width * across), round(original.height * down)), Image.Resampling.BILINEAR
            )
            yield Example(
                {"ratio": ratio}, Result(final, (original,)), holds, severity=min(1.0, abs(ratio - down) / ratio)
            )
    half = original.crop((0, 0, original.width // 2, original.height))
    yield Example({"ratio": 0.5, "of": "area"}, Result(half, (original,)), True)
    yield Example({"ratio": 0.25, "of": "area"}, Result(half, (original,)), False)


CHECK = Check(
    name="size_ratio",
    summary="The final picture is so many times as large as an input picture.",
    parameters=SizeRatio,
    measure=measure,
    examples=examples,
    means="The sizes of the two pictures; there is nothing to mistake.",
)
