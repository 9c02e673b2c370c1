"""SoftBlur with Pillow."""

from __future__ import annotations

from PIL import Image, ImageFilter
from pydantic import BaseModel


class Config(BaseModel):
    """How strong a blur is."""

    strength: float = 1.0
    """Radius in pixels of a blur by 1."""


class Backend:
    """Gaussian blur."""

    tool = "SoftBlur"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image, amount: int) -> Image.Image:
        """`image`, blurred."""
        return image.filter(ImageFilter.GaussianBlur(self.config.strength * amount))
