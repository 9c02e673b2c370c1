"""The final picture shows something, and, if asked, something else than an input."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.rewards.checks._examples import scenes, spotted
from canvasagent.rewards.checks._pixels import final_of, input_of, needs_picture, resized, rgb, share, within
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class NotBlank(Parameters):
    """What `not_blank` takes."""

    differs_from: int | None = Field(default=None, ge=1)
    """Number of an input picture that must have been changed visibly."""
    least: float = Field(default=0.005, gt=0, le=1)
    """Share of the pixels that must differ, from their neighbours' mean or from that input, by more than 12 of 255."""


@needs_picture
def measure(parameters: NotBlank, result: Result) -> Finding:
    """Counts pixels of a copy of at most 512 pixels a side that differ from the median colour, or from the input."""
    final = within(rgb(final_of(result)), 512)
    spread = np.abs(final.astype(np.int16) - np.median(final, axis=(0, 1))).max(axis=2) > 12
    shown = float(spread.mean())
    if shown < parameters.least:
        return Finding(share(0.5 * shown / parameters.least), False, "the picture is of one colour")
    if parameters.differs_from is None:
        return Finding(1.0, True, f"{shown:.0%} of the picture differs from its ground")
    original = rgb(input_of(result, parameters.differs_from))
    original = resized(np.ascontiguousarray(original), final.shape[1], final.shape[0])
    before, after = (cv2.GaussianBlur(item, (0, 0), 1.0).astype(np.int16) for item in (original, final))
    changed = float((np.abs(before - after).max(axis=2) > 12).mean())
    passed = changed >= parameters.least
    why = f"{changed:.1%} of the picture differs from input {parameters.differs_from}"
    return Finding(1.0 if passed else share(0.5 * changed / parameters.least), passed, why)


def examples(seed: int) -> Iterable[Example]:
    """Pictures with something on them and flat or nearly flat ones; changed and unchanged ones."""
    random = np.random.default_rng(seed)
    for index, picture in enumerate(scenes(seed)):
        shade = tuple(int(value) for value in random.integers(0, 256, 3))
        flat = np.clip(np.array(shade) + random.normal(0, index * 0.5, (48, 64, 3)), 0, 255).astype(np.uint8)
        yield Example({}, Result(picture), True)
        yield Example({}, Result(Image.fromarray(flat)), False, 1 - 0.1 * index)
        edited = spotted(picture, (30, 30, 60 + 5 * index, 70), seed + index)
        yield Example({"differs_from": 1}, Result(edited, (picture,)), True, 0.5)
        yield Example({"differs_from": 1}, Result(picture.resize((200, 150)), (picture,)), False, 0.5)


CHECK = Check(
    name="not_blank",
    summary="The final picture is not of one colour and, if asked, differs visibly from an input picture.",
    parameters=NotBlank,
    measure=measure,
    examples=examples,
    means="Pixels that differ from the median colour, or from the input's.",
)
