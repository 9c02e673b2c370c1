"""A Flip that mirrors top to bottom, in a process of its own."""

from __future__ import annotations

from PIL import Image


class UpsideDown:
    """Mirrors top to bottom."""

    tool = "Flip"
    version = "1"
    stochastic = False
    may_hang = True

    def __init__(self, config: None) -> None:
        pass

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` upside down."""
        return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
