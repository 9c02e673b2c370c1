"""Crop with Pillow: lossless."""

from __future__ import annotations

from typing import Any

from PIL import Image
from pydantic import BaseModel


class Config(BaseModel):
    """Crop has no settings."""


class Backend:
    """Copies the pixels of a box."""

    tool = "Crop"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    @staticmethod
    def brief(arguments: Any, pixels: int) -> bool:
        """A box of up to two megapixels is copied in half a millisecond."""
        return pixels <= 4_000_000

    def __call__(self, *, image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        """The part of `image` inside `box` (whole pixels, inside the picture), in its mode and profile."""
        return image.crop(box)
