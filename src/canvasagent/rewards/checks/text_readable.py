"""A text can be read in the final picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from canvasagent.rewards.checks._examples import blurred, drawn, lettered, spotted, texture
from canvasagent.rewards.checks._pixels import Region, final_of, needs_picture, part, rgb, share, within
from canvasagent.rewards.checks._reading import Reading, read
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class TextReadable(Parameters):
    """What `text_readable` takes."""

    text: str = Field(min_length=1, max_length=200, pattern=r"\S")
    """The text; line breaks do not matter."""
    mode: Literal["fuzzy", "exact"] = "fuzzy"
    """fuzzy: a letter in five may be off and capitals do not matter; exact: every letter, capitals too."""
    region: Region | None = None
    """Where it must stand, on the 0–1000 grid; None: anywhere."""


@needs_picture
def measure(parameters: TextReadable, result: Result) -> Finding:
    """Both readers decide: `judge` says how. The picture is read at up to 1280 pixels a side."""
    pixels = part(within(rgb(final_of(result)), 1280), parameters.region)
    reading = read(pixels, parameters.text)
    passed, speaker = judge(reading, parameters.mode)
    rendered = "has no such letters" if reading.rendered is None else f"finds {reading.rendered:.0%} of the letters"
    why = f"{speaker}: rendering {rendered}, OCR {reading.ocr:.0%} and reads '{reading.ocr_text[:80]}'"
    mean = reading.ocr if reading.rendered is None else (reading.ocr + reading.rendered) / 2
    return Finding(share(max(mean, 0.6)) if passed else share(min(0.7 * mean, 0.55)), passed, why)


def judge(reading: Reading, mode: str) -> tuple[bool, str]:
    """Whether a text counts as read, and who decided it.

    Fuzzy: OCR ≥ 80 % and rendering ≥ 45 %; or OCR ≥ 90 % (an unlike font or a busy
    ground, for which rendering is blind); or rendering
    ≥ 90 % and OCR ≥ 50 %. Exact: OCR the very text, and rendering ≥ 30 %.
    """
    if reading.rendered is None:
        return (reading.exact if mode == "exact" else reading.ocr >= 0.8), "OCR alone"
    rendered = reading.rendered
    if mode == "exact":
        if reading.exact and rendered >= 0.3:
            return True, "both readers"
        return False, "the readers disagree" if reading.exact or rendered >= 0.9 else "both readers"
    if reading.ocr >= 0.8 and rendered >= 0.45:
        return True, "both readers"
    if reading.ocr >= 0.9:
        return True, "OCR, rendering blind"
    if rendered >= 0.9 and reading.ocr >= 0.5:
        return True, "rendering, OCR unsure"
    low = reading.ocr < 0.8 and rendered < 0.45
    return False, "both readers" if low else "the readers disagree"


def examples(seed: int) -> Iterable[Example]:
    """Words on drawn and textured grounds; misspelt, blurred away, too pale, covered, or elsewhere than said."""
    texts = ("SALE", "Open today", "Cafe Luna", "50% OFF", "Happy Birthday", "EXIT 24")
    wrong = ("SOLD", "Closed now", "Cafe Mono", "75% ON", "Merry Xmas", "ENTRY 71")
    colors = ("black", "navy", "darkred", "black", "indigo", "black")
    for index, text in enumerate(texts):
        ground = drawn("a red car on a street", seed + index) if index % 2 else texture(seed + index, (320, 240))
        ground = spotted(ground, (20, 60, 300, 140), seed, ("white", "gold", "lightblue")[index % 3])
        at, size = (0.47, 0.42), 40 - 3 * index
        good = lettered(ground, text, size, at, colors[index], bold=index % 2 == 0)
        yield Example({"text": text}, Result(good), True, 1 - 0.1 * index)
        other = lettered(ground, wrong[index], size, at, colors[index])
        broken = (other, other, blurred(good, 9), ground, other, other)[index]
        yield Example({"text": text}, Result(broken), False, 0.4 + 0.1 * index)
    yield Example({"text": text, "region": [0, 650, 1000, 1000]}, Result(good), False)
    yield Example({"text": "EXIT 24", "mode": "exact"}, Result(good), True)
    near = lettered(ground, "EXIT 27", size, at)
    yield Example({"text": "EXIT 24", "mode": "exact"}, Result(near), False, 0.2)


CHECK = Check(
    name="text_readable",
    summary="A certain text can be read in the final picture.",
    parameters=TextReadable,
    measure=measure,
    examples=examples,
    means=(
        "Rendered letters, correlated one by one with the line's ink against all other letters, and OCR as the second "
        "reader; both decide, and the finding says who spoke. Lines are found by OCR's finder and by strokes. Where no "
        "font here has the letters, OCR alone decides."
    ),
)
