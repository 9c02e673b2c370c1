"""What checks share: pictures as arrays, likeness of two pictures, parts of a picture on the 0–1000 grid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import cv2
import numpy as np
from PIL import Image
from pydantic import AfterValidator, Field

from canvasagent.errors import InputError
from canvasagent.imaging.geometry import box_to_pixels
from canvasagent.rewards.checks.base import Finding, Result

Array = np.ndarray[Any, Any]


def _ordered(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError("a region is [left, top, right, bottom] with left < right and top < bottom")
    return box


_Edge = Annotated[int, Field(ge=0, le=1000)]
Region = Annotated[tuple[_Edge, _Edge, _Edge, _Edge], AfterValidator(_ordered)]
"""[left, top, right, bottom] on the 0–1000 grid of the picture it speaks of."""


def needs_picture(measure: Callable[[Any, Result], Finding]) -> Callable[[Any, Result], Finding]:
    """A measure that finds 0, not passed, where there is no final picture."""

    @functools.wraps(measure)
    def measured(parameters: Any, result: Result) -> Finding:
        if result.final is None:
            return Finding(0.0, False, "there is no final picture")
        return measure(parameters, result)

    return measured


def final_of(result: Result) -> Image.Image:
    """The final picture of a result that has one."""
    assert result.final is not None
    return result.final


def input_of(result: Result, number: int) -> Image.Image:
    """Input picture `number`, counted from 1. Raises `InputError` where the task has no such input."""
    if number > len(result.inputs):
        have = f"inputs 1 to {len(result.inputs)}" if result.inputs else "no input pictures"
        raise InputError(f"the check speaks of input {number}, but the task has {have}.")
    return result.inputs[number - 1]


def rgb(picture: Image.Image, ground: tuple[int, int, int] = (255, 255, 255)) -> Array:
    """(height, width, 3) uint8, transparent parts laid on `ground`."""
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        base = Image.new("RGBA", over.size, (*ground, 255))
        return np.asarray(Image.alpha_composite(base, over).convert("RGB"))
    return np.asarray(picture.convert("RGB"))


def grey(picture: Image.Image) -> Array:
    """(height, width) float32 luminance, 0 to 255."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb(picture)), cv2.COLOR_RGB2GRAY), dtype=np.float32)


def resized(pixels: Array, width: int, height: int) -> Array:
    """Stretched to that size; averaged where it shrinks, bilinear where it grows."""
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    return np.asarray(
        cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    )


def within(pixels: Array, longest: int) -> Array:
    """The picture, shrunk where its longer side is above `longest` pixels."""
    scale = longest / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return resized(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))


def ncc(one: Array, other: Array) -> float:
    """Normalised cross-correlation of two arrays of one shape, −1 to 1; 0 where either is flat."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-3 * a.size else 0.0


def part(pixels: Array, region: tuple[int, int, int, int] | None) -> Array:
    """What lies in a region of the grid; everything for None."""
    if region is None:
        return pixels
    left, top, right, bottom = box_to_pixels(region, (pixels.shape[1], pixels.shape[0]))
    return pixels[top:bottom, left:right]


def share(value: float) -> float:
    """A score: clamped to 0..1, rounded so that the printed value is the compared one."""
    return round(min(max(float(value), 0.0), 1.0), 4)
