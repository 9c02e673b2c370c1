"""A text, or any text, is not in the final picture."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from canvasagent.rewards.checks import text_readable
from canvasagent.rewards.checks._examples import drawn, lettered, texture
from canvasagent.rewards.checks._pixels import Region, final_of, needs_picture, part, rgb, share, within
from canvasagent.rewards.checks._reading import lines, read
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result

SURE = 0.7
"""Confidence of OCR from which two letters or more count as text."""


class TextAbsent(Parameters):
    """What `text_absent` takes."""

    text: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"\S")
    """The text that must be gone; None: there must be no text at all."""
    region: Region | None = None
    """Where, on the 0–1000 grid; None: anywhere."""


@needs_picture
def measure(parameters: TextAbsent, result: Result) -> Finding:
    """A given text is gone where neither reader finds 70 % of it; no text at all: OCR is sure of none."""
    pixels = part(within(rgb(final_of(result)), 1280), parameters.region)
    if parameters.text is None:
        texts = [line[0] for line in lines(pixels) if line[1] >= SURE and sum(map(str.isalnum, line[0])) >= 2]
        return Finding(0.0 if texts else 1.0, not texts, f"OCR reads {texts[:4]}" if texts else "OCR reads nothing")
    reading = read(pixels, parameters.text)
    passed = not text_readable.judge(reading, "fuzzy")[0] and reading.ocr < 0.9
    worst = max(reading.ocr, reading.rendered or 0.0)
    why = f"rendering finds {reading.rendered or 0:.0%} of letters, OCR {reading.ocr:.0%} ('{reading.ocr_text[:80]}')"
    return Finding(share(max(1 - worst / 2, 0.5)) if passed else share(0.5 - worst / 2), passed, why)


def examples(seed: int) -> Iterable[Example]:
    """Pictures without text, with another one, or with the one that should be gone, plain or small."""
    for index, text in enumerate(("SALE", "Open today", "Cafe Luna")):
        ground = drawn("a barn in a field", seed + index) if index % 2 else texture(seed + index, (320, 240))
        with_it = lettered(ground, text, 44 - 8 * index, (0.5, 0.3), "black")
        other = lettered(ground, "MARKET", 40, (0.5, 0.3), "black")
        yield Example({}, Result(ground), True)
        yield Example({}, Result(with_it), False, 1 - 0.2 * index)
        yield Example({"text": text}, Result(other), True, 0.5)
        yield Example({"text": text}, Result(with_it), False, 0.8)


CHECK = Check(
    name="text_absent",
    summary="A certain text, or any text, is not in the final picture.",
    parameters=TextAbsent,
    measure=measure,
    examples=examples,
    means="As `text_readable` for a given text. That there is no text at all only OCR tells; no other means exists.",
)
