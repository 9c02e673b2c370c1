"""Crop of the research release: edges are truncated to whole pixels, and transparency is dropped."""

from __future__ import annotations

from PIL import Image

from canvasagent.backends.lite import crop
from canvasagent.backends.release.opaque import opaque

Config = crop.Config


class Backend:
    """The lite backend on a picture made opaque."""

    tool = "Crop"
    version = "2"
    stochastic = False
    may_hang = False
    truncates = True
    """Fractions of a pixel are cut off, where other profiles round."""

    def __init__(self, config: crop.Config) -> None:
        self._lossless = crop.Backend(config)

    def __call__(self, *, image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        """The part of `image` inside `box` (whole pixels), opaque."""
        return self._lossless(image=opaque(image), box=box)
