"""Overlayer with Pillow and OpenCV: cut-outs, pictures and text, at a position or in perspective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageColor
from pydantic import BaseModel

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.compositing import has_alpha, put, put_into_quad, quad_size
from canvasagent.imaging.geometry import PixelBox, Point, Size, bounds
from canvasagent.imaging.pictures import profile_of, to_profile
from canvasagent.imaging.typesetting import Block, Color, draw_block, printable, set_text

Quad = Sequence[Point]

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)

BRIGHT = 0.35
"""Relative luminance from which a place gets black text."""

BRIEF_TEXT = 24
"""Characters that are set in about a millisecond."""

_SHARES = np.arange(256) / 255
_LINEAR = np.where(_SHARES <= 0.04045, _SHARES / 12.92, ((_SHARES + 0.055) / 1.055) ** 2.4)
"""Light of each sRGB value, from 0 to 1."""


class Config(BaseModel):
    """How text is set where the call leaves it open."""

    bold: bool = True
    """Draw text in the bold face."""
    text_size: float = 0.08
    """Letter size, as a share of the side of a square of the base's area."""
    smallest_text: int = 8
    """Letter size in pixels below which text is refused as illegible."""
    margin: float = 0.02
    """Distance that text keeps from the edges, as a share of the base's shorter side."""
    readable_contrast: float = 4.5
    """Text with less contrast than this (WCAG ratio, against the darkest and brightest of its place) is outlined."""


class Backend:
    """Puts content over a base picture, whose size, mode and colour profile stay."""

    tool = "Overlayer"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    @staticmethod
    def brief(arguments: Any, pixels: int) -> bool:
        """A few plain words in the usual size take a millisecond; fitting more, or a warp, takes many."""
        usual = arguments.quad is None and arguments.scale is None and arguments.font_size is None
        words: str = arguments.content
        plain = len(words) <= BRIEF_TEXT and words.isascii() and words.isprintable()
        return arguments.overlay_type == "text" and usual and plain and pixels <= 2_500_000

    def __call__(
        self,
        *,
        base: Image.Image,
        content: str | Image.Image,
        center: Point,
        scale: float | None = None,
        color: str | None = None,
        font_size: float | None = None,
        quad: Quad | None = None,
    ) -> Image.Image:
        """`base` with `content` over it: a picture or cut-out, or text, centred at `center` or filling `quad`.

        Points are pixels; `scale` grows a quad of a picture around its middle. Raises `ToolRefusal` for what lies
        wholly outside, for text that cannot be drawn or does not fit, and for a quad without area.
        """
        if isinstance(content, str):
            text = printable(content)
            if quad is not None:
                return self._text_in_quad(base, text, quad, scale, color, font_size)
            return self._text(base, text, center, scale, color, font_size)
        layer = to_profile(content, profile_of(base))
        if quad is not None:
            return put_into_quad(base, layer, _grown(quad, scale or 1.0))
        return _put_object(base, layer, center, scale)

    def _text(
        self, base: Image.Image, text: str, center: Point, scale: float | None, color: str | None, size: float | None
    ) -> Image.Image:
        margin = round(self.config.margin * min(base.size))
        box = max(1, base.width - 2 * margin), max(1, base.height - 2 * margin)
        wanted = (size or max(self.config.text_size * math.sqrt(base.width * base.height), 14)) * (scale or 1.0)
        block = self._set(text, box, wanted)
        left, top, width, height = _inside(center, block.size, base.size, margin)
        layer = self._drawn(base, block, (left, top, left + width, top + height), color)
        left, top, _, _ = _inside(center, layer.size, base.size, margin)
        return put(base, layer, left, top)

    def _text_in_quad(
        self, base: Image.Image, text: str, quad: Quad, scale: float | None, color: str | None, size: float | None
    ) -> Image.Image:
        area = quad_size(quad)
        wanted = size * (scale or 1.0) if size else area[1] * min(scale or 1.0, 1.0)
        room = max(1, int(area[0] * 0.94)), max(1, int(area[1] * 0.94))
        block = self._set(text, room, wanted, whole_words=self.config.smallest_text)
        layer = self._drawn(base, block, bounds(quad), color)
        sheet = Image.new("RGBA", area)
        sheet.paste(layer, ((area[0] - layer.width) // 2, (area[1] - layer.height) // 2))
        return put_into_quad(base, sheet, quad)

    def _set(self, text: str, box: Size, wanted: float, whole_words: int | None = None) -> Block:
        smallest, size = self.config.smallest_text, max(1, round(wanted))
        return set_text(text, box, size, smallest, bold=self.config.bold, whole_words=whole_words)

    def _drawn(self, base: Image.Image, block: Block, place: PixelBox, color: str | None) -> Image.Image:
        """The block as a layer in the base's profile: in `color`, or in white or black; outlined where needed."""
        darkest, middle, brightest = _luminances(base, place)
        fill: Color = WHITE if middle < BRIGHT else BLACK
        if color is not None:
            fill = ImageColor.getrgb(color)[:3]
        own = float(_luminance(np.array(fill, np.uint8)))
        weakest = min(_contrast(own, darkest), _contrast(own, brightest)) if not darkest <= own <= brightest else 1.0
        outline = None
        if weakest < self.config.readable_contrast:
            outline = BLACK if own > 0.18 else WHITE
        return to_profile(draw_block(block, fill, outline), profile_of(base))


def _put_object(base: Image.Image, layer: Image.Image, center: Point, scale: float | None) -> Image.Image:
    """Only the part of the layer that the base shows is ever scaled, so that a large scale costs nothing."""
    if scale is None:
        scale = min(1.0, base.width / layer.width, base.height / layer.height)
    width, height = max(1, round(layer.width * scale)), max(1, round(layer.height * scale))
    left, top = round(center[0] - width / 2), round(center[1] - height / 2)
    shown = max(left, 0), max(top, 0), min(left + width, base.width), min(top + height, base.height)
    if shown[0] >= shown[2] or shown[1] >= shown[3]:
        raise ToolRefusal("the object would lie wholly outside of the picture; choose a position further inside.")
    if (width, height) != layer.size:
        across, down = layer.width / width, layer.height / height
        part = (
            (shown[0] - left) * across,
            (shown[1] - top) * down,
            min((shown[2] - left) * across, layer.width),
            min((shown[3] - top) * down, layer.height),
        )
        size = shown[2] - shown[0], shown[3] - shown[1]
        layer, left, top = layer.resize(size, Image.Resampling.LANCZOS, box=part), shown[0], shown[1]
    return put(base, layer, left, top)


def _inside(center: Point, size: Size, room: Size, margin: int) -> tuple[int, int, int, int]:
    """(left, top, width, height) of a box of `size` centred at `center`, shifted to keep `margin` from the edges."""
    corner = []
    for axis in (0, 1):
        most = room[axis] - margin - size[axis]
        corner.append(max(min(round(center[axis] - size[axis] / 2), most), min(margin, room[axis] - size[axis]), 0))
    return corner[0], corner[1], size[0], size[1]


def _grown(quad: Quad, scale: float) -> list[Point]:
    x, y = (sum(point[axis] for point in quad) / 4 for axis in (0, 1))
    return [(x + (point[0] - x) * scale, y + (point[1] - y) * scale) for point in quad]


def _luminances(base: Image.Image, place: PixelBox) -> tuple[float, float, float]:
    """Darkest, median and brightest relative luminance (0 to 1) of a place, 5 % outliers aside.

    Where the place is transparent anything may come to lie below: (0, 0, 1).
    """
    left, top = (min(max(int(place[axis]), 0), base.size[axis] - 1) for axis in (0, 1))
    right, bottom = (min(max(math.ceil(place[axis + 2]), (left, top)[axis] + 1), base.size[axis]) for axis in (0, 1))
    sample = base.resize((48, 48), Image.Resampling.NEAREST, box=(left, top, right, bottom))
    if has_alpha(sample) and sample.getchannel("A").getextrema()[0] < 128:  # type: ignore[operator]
        return 0.0, 0.0, 1.0
    shades = np.sort(_luminance(np.asarray(sample.convert("RGB"))), axis=None)
    low, middle, high = (float(shades[int(share * shades.size)]) for share in (0.05, 0.5, 0.95))
    return low, middle, high


def _luminance(colors: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Relative luminance as WCAG defines it, of (…, 3) colours."""
    linear = _LINEAR[colors]
    return np.asarray(0.2126 * linear[..., 0] + 0.7152 * linear[..., 1] + 0.0722 * linear[..., 2])


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
