"""Rotate of the research release: counter-clockwise whatever it says, a quarter turn cuts, transparency is dropped.

A reconstruction from its measured behaviour, not its code: quarter turns keep the canvas, so that what sticks out
is lost; other angles grow it. Corners that appear are white, in a mask black.
"""

from __future__ import annotations

from PIL import Image
from pydantic import BaseModel

from canvasagent.backends.release.opaque import opaque


class Config(BaseModel):
    """Rotate has no settings."""


class Backend:
    """Turns the other way."""

    tool = "Rotate"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image, angle: int) -> Image.Image:
        """`image` turned by `angle` degrees counter-clockwise; of its own size for multiples of 90."""
        mask = image.mode == "L"
        filter = Image.Resampling.NEAREST if mask else Image.Resampling.BICUBIC
        fill = 0 if mask else (255,) * len(image.getbands())
        return opaque(image).rotate(angle, filter, expand=angle % 90 != 0, fillcolor=fill)
