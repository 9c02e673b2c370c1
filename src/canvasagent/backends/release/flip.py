"""Flip of the research release: transparency is dropped."""

from __future__ import annotations

from PIL import Image

from canvasagent.backends.lite import flip
from canvasagent.backends.release.opaque import opaque

Config = flip.Config


class Backend:
    """The lite backend on a picture made opaque."""

    tool = "Flip"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: flip.Config) -> None:
        self._lossless = flip.Backend(config)

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` mirrored left to right, opaque."""
        return self._lossless(image=opaque(image))
