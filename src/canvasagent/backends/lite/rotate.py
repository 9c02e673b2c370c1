"""Rotate with OpenCV: quarter turns are lossless, other angles bicubic on premultiplied colours."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel

from canvasagent.imaging.compositing import (
    WARP_LIMIT,
    four_channels,
    from_four_channels,
    from_premultiplied,
    has_alpha,
    premultiplied,
)
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import profile_of


class Config(BaseModel):
    """Rotate has no settings."""


class Backend:
    """Turns clockwise; the canvas grows to hold the whole picture."""

    tool = "Rotate"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image, angle: int) -> Image.Image:
        """`image` turned by `angle` degrees clockwise, in its mode and profile.

        Corners that appear are white, transparent where the picture has alpha, black in a mask.
        """
        quarters, rest = divmod(angle % 360, 90)
        return _turn(image, angle % 360) if rest else _quarter_turns(image, quarters)


def _quarter_turns(image: Image.Image, quarters: int) -> Image.Image:
    if quarters == 0:
        return image.copy()
    if quarters == 2:
        return image.transpose(Image.Transpose.ROTATE_180)
    if image.mode not in {"RGB", "RGBA"}:
        return image.transpose(Image.Transpose.ROTATE_270 if quarters == 1 else Image.Transpose.ROTATE_90)
    way = cv2.ROTATE_90_CLOCKWISE if quarters == 1 else cv2.ROTATE_90_COUNTERCLOCKWISE
    return from_four_channels(cv2.rotate(four_channels(image), way), image.mode, profile_of(image))


def _turn(image: Image.Image, angle: int) -> Image.Image:
    size, matrix = _canvas(image.size, angle)
    if max(*size, *image.size) >= WARP_LIMIT:
        filter = Image.Resampling.BICUBIC if image.mode != "L" else Image.Resampling.NEAREST
        fill = {"RGB": (255, 255, 255), "RGBA": (0, 0, 0, 0)}.get(image.mode, 0)
        return image.rotate(-angle, filter, expand=True, fillcolor=fill)
    if image.mode == "L":
        turned = cv2.warpAffine(np.asarray(image), matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        return Image.fromarray(turned)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    if has_alpha(image):
        return from_premultiplied(cv2.warpAffine(premultiplied(image), matrix, size, flags=flags), profile_of(image))
    turned = cv2.warpAffine(four_channels(image), matrix, size, flags=flags, borderValue=(255, 255, 255, 255))
    return from_four_channels(turned, "RGB", profile_of(image))


def _canvas(size: Size, angle: int) -> tuple[Size, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """The canvas that holds a picture of `size` turned clockwise, and the matrix from its pixels to the picture's."""
    (width, height), turn = size, math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    across = math.ceil(width * abs(cos) + height * abs(sin) - 1e-6)
    down = math.ceil(width * abs(sin) + height * abs(cos) - 1e-6)
    x, y = (across - 1) / 2, (down - 1) / 2
    matrix = [
        [cos, sin, (width - 1) / 2 - cos * x - sin * y],
        [-sin, cos, (height - 1) / 2 + sin * x - cos * y],
    ]
    return (across, down), np.array(matrix)
