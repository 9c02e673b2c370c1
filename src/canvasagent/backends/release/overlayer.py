"""Overlayer of the research release: the object as large as it is, clipped at the edges; text in one go.

A reconstruction from its described behaviour, not its code: text is drawn by Pillow around the position, without
wrapping, shrinking, outline or care for the edges: black DejaVu Sans, a twentieth of the picture's
shorter side high, 20 pixels at least.
"""

from __future__ import annotations

from PIL import Image, ImageDraw
from pydantic import BaseModel

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.compositing import put
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import Point, Size
from canvasagent.imaging.pictures import profile_of, to_profile
from canvasagent.imaging.typesetting import printable

SMALLEST, PART = 20, 20
"""Letters are a twentieth of the shorter side, and 20 pixels at least."""


class Config(BaseModel):
    """How text looks."""

    color: str = "black"
    """Colour of text for which the call names none."""
    font_size: float | None = None
    """Letter size in pixels of text for which the call gives none; left out, as the release computes it."""


def letter_size(size: Size) -> int:
    """The height of letters, in pixels, on a picture of `size` (width, height in pixels)."""
    return max(SMALLEST, min(size) // PART)


class Backend:
    """Puts content at a position and lets the edges cut it."""

    tool = "Overlayer"
    version = "2"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(
        self,
        *,
        base: Image.Image,
        content: str | Image.Image,
        center: Point,
        scale: float | None = None,
        color: str | None = None,
        font_size: float | None = None,
        quad: object = None,
    ) -> Image.Image:
        """`base` with `content` centred at `center` (pixels). Raises `ToolRefusal` for a scale or a quad."""
        if scale is not None or quad is not None:
            raise ToolRefusal("the profile 'release' has neither scale nor quad; use the profile 'lite' or 'full'.")
        if not isinstance(content, str):
            layer = to_profile(content, profile_of(base))
            return put(base, layer, round(center[0] - layer.width / 2), round(center[1] - layer.height / 2))
        text = printable(content)
        letters = Image.new("L", base.size)
        font = font_for(text, font_size or self.config.font_size or letter_size(base.size))
        ImageDraw.Draw(letters).multiline_text(center, text, fill=255, font=font, anchor="mm", align="center")
        layer = Image.new("RGB", base.size, color or self.config.color)
        layer.putalpha(letters)
        return put(base, to_profile(layer, profile_of(base)), 0, 0)
