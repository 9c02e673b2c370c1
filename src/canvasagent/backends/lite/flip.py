"""Flip with Pillow: lossless."""

from __future__ import annotations

from typing import Any

from PIL import Image
from pydantic import BaseModel


class Config(BaseModel):
    """Flip has no settings."""


class Backend:
    """Mirrors left and right."""

    tool = "Flip"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    @staticmethod
    def brief(arguments: Any, pixels: int) -> bool:
        """A megapixel is mirrored in half a millisecond."""
        return pixels <= 2_500_000

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` mirrored left to right, in its mode and profile."""
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
