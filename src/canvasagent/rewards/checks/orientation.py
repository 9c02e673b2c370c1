"""The final picture shows an input turned by so many quarter turns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from PIL import Image, ImageEnhance
from pydantic import Field

from canvasagent.rewards.checks._examples import blurred, scenes
from canvasagent.rewards.checks._pixels import final_of, grey, input_of, needs_picture, share, within
from canvasagent.rewards.checks._turns import holds, ways
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result, not_measured


class Orientation(Parameters):
    """What `orientation` takes."""

    turned: Literal[0, 90, 180, 270]
    """Degrees clockwise from the input."""
    input: int = Field(default=1, ge=1)
    """Number of the input picture."""
    mirrored: bool | None = None
    """Whether it is mirrored as well (left to right, before the turn); None: either will do."""


@needs_picture
def measure(parameters: Orientation, result: Result) -> Finding:
    """The wanted way must correlate by 0.25 or more, and by 0.02 more than any other of the eight ways."""
    original, final = (within(grey(item), 512) for item in (input_of(result, parameters.input), final_of(result)))
    scores = ways(original, final)
    mirrors = (False, True) if parameters.mirrored is None else (parameters.mirrored,)
    wanted = [(parameters.turned, mirror) for mirror in mirrors]
    passed, mine, rest = holds(scores, wanted)
    best = max(scores, key=lambda way: scores[way])
    why = f"turned by {parameters.turned}°: likeness {mine:.2f}, best of the other ways {rest:.2f}"
    if passed is None:
        return not_measured(f"{why}; the picture looks the same both ways")
    if not passed and scores[best] >= 0.25:
        why += f"; it rather looks turned by {best[0]}°{' and mirrored' if best[1] else ''}"
    return Finding(share(mine if passed else min(mine, 0.5) * 0.8), passed, why)


def turned(picture: Image.Image, degrees: int) -> Image.Image:
    """`picture` turned clockwise by quarter turns."""
    return picture.rotate(-degrees, expand=True)


def examples(seed: int) -> Iterable[Example]:
    """Pictures turned right and wrong, some brightened, softened or cropped a little on the way."""
    for index, picture in enumerate(scenes(seed)):
        degrees = (0, 90, 180, 270)[(index + seed) % 4]
        right, wrong = turned(picture, degrees), turned(picture, (degrees + (90, 180, 270)[index % 3]) % 360)
        if index % 3 == 1:
            right, wrong = (ImageEnhance.Brightness(item).enhance(1.3) for item in (right, wrong))
        if index % 3 == 2:
            right, wrong = (blurred(item, 1.5).resize((item.width // 2, item.height // 2)) for item in (right, wrong))
        yield Example({"turned": degrees}, Result(right, (picture,)), True, 1 - 0.2 * (index % 3))
        yield Example({"turned": degrees}, Result(wrong, (picture,)), False, 1 - 0.2 * (index % 3))
    yield Example({"turned": 90}, Result(Image.new("RGB", (90, 120), "grey"), (picture,)), False)


CHECK = Check(
    name="orientation",
    summary="The final picture shows an input picture turned clockwise by 0, 90, 180 or 270 degrees.",
    parameters=Orientation,
    measure=measure,
    examples=examples,
    means="Correlation of fine detail for the eight ways of turning and mirroring the input.",
)
