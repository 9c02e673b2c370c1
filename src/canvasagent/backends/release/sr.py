"""SR of the research release: transparency is dropped."""

from __future__ import annotations

from PIL import Image

from canvasagent.backends.lite import sr
from canvasagent.backends.release.opaque import opaque

Config = sr.Config


class Backend:
    """The lite backend on a picture made opaque."""

    tool = "SR"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: sr.Config) -> None:
        self._enlarge = sr.Backend(config)

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` at four times its width and height, opaque."""
        return self._enlarge(image=opaque(image))
