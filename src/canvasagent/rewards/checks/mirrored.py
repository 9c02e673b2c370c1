"""The final picture shows an input mirrored, also after small edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from PIL import Image, ImageEnhance
from pydantic import Field

from canvasagent.rewards.checks._examples import blurred, scenes, spotted
from canvasagent.rewards.checks._pixels import final_of, grey, input_of, needs_picture, share, within
from canvasagent.rewards.checks._turns import holds, ways
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result, not_measured

WAYS = {"left-right": (0, True), "top-bottom": (180, True)}
_WORDS = {0: "not turned", 90: "turned by 90°", 180: "turned by 180°", 270: "turned by 270°"}


class Mirrored(Parameters):
    """What `mirrored` takes."""

    across: Literal["left-right", "top-bottom"] = "left-right"
    """Which sides change places."""
    input: int = Field(default=1, ge=1)
    """Number of the input picture."""


@needs_picture
def measure(parameters: Mirrored, result: Result) -> Finding:
    """The mirrored input must correlate by 0.25 or more, and by 0.02 more than any other of the eight ways."""
    original, final = (within(grey(item), 512) for item in (input_of(result, parameters.input), final_of(result)))
    scores = ways(original, final)
    passed, mine, rest = holds(scores, [WAYS[parameters.across]])
    best = max(scores, key=lambda way: scores[way])
    why = f"mirrored {parameters.across}: likeness {mine:.2f}, best of the other ways {rest:.2f}"
    if passed is None:
        return not_measured(f"{why}; the picture looks the same both ways")
    if not passed and scores[best] >= 0.25:
        why += f"; it rather looks {_WORDS[best[0]]}{', mirrored' if best[1] else ', not mirrored'}"
    return Finding(share(mine if passed else min(mine, 0.5) * 0.8), passed, why)


def examples(seed: int) -> Iterable[Example]:
    """Mirrored pictures, plain and edited afterwards; pictures turned, untouched, or mirrored the other way."""
    flips = {"left-right": Image.Transpose.FLIP_LEFT_RIGHT, "top-bottom": Image.Transpose.FLIP_TOP_BOTTOM}
    for index, picture in enumerate(scenes(seed)):
        across = ("left-right", "top-bottom")[(index + seed) % 2]
        right = picture.transpose(flips[across])
        wrong = (
            picture,
            picture.rotate(180),
            picture.transpose(flips["top-bottom" if across[0] == "l" else "left-right"]),
        )
        edited = spotted(right, (20, 20, 70, 60), seed, "tomato")
        edited = (right, edited, blurred(ImageEnhance.Brightness(edited).enhance(0.7), 1.0))[index % 3]
        yield Example({"across": across}, Result(edited, (picture,)), True, 1 - 0.3 * (index % 3))
        yield Example({"across": across}, Result(wrong[index % 3], (picture,)), False, 1.0)
        yield Example({"across": across}, Result(spotted(picture, (20, 20, 90, 80), seed), (picture,)), False, 0.7)


CHECK = Check(
    name="mirrored",
    summary="The final picture shows an input picture mirrored, left to right or top to bottom.",
    parameters=Mirrored,
    measure=measure,
    examples=examples,
    means="Correlation of fine detail for the eight ways of turning and mirroring the input.",
)
