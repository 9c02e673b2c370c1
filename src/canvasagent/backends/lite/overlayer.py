"""Overlayer with Pillow and OpenCV: cut-outs, pictures and text, at a position or in perspective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageColor
from pydantic import BaseModel

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.compositing import has_alpha, put, put_into_quad, quad_size, with_opacity
from canvasagent.imaging.geometry import PixelBox, Point, Size, bounds
from canvasagent.imaging.pictures import profile_of, to_profile
from canvasagent.imaging.turning import put_turned, quarter_turned, turned_room, turned_size
from canvasagent.imaging.typesetting import Block, Color, draw_block, printable, set_text

Quad = Sequence[Point]

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)

BRIGHT = 0.35
"""Relative luminance from which a place gets black text."""

_PADDING = 0.3
"""Padding of a box around text, in letter sizes."""

_TRIES = 40
"""How often text that is turned or on a box is set again, in less room, until it fits."""

_STEP = 0.96
"""What the room is multiplied by, at most, from one try to the next."""

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
    styles = ("opacity", "rotation", "background", "outline")

    def __init__(self, config: Config) -> None:
        self.config = config

    @staticmethod
    def brief(arguments: Any, pixels: int) -> bool:
        """A few plain words in the usual size take a millisecond; fitting more, or a warp, takes many."""
        rare = ("quad", "scale", "font_size", "opacity", "rotation", "background", "outline")
        usual = all(getattr(arguments, name) is None for name in rare)
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
        opacity: float = 1.0,
        rotation: float = 0.0,
        background: str | None = None,
        outline: str | None = None,
    ) -> Image.Image:
        """`base` with `content` over it: a picture or cut-out, or text, centred at `center` or filling `quad`.

        Points are pixels; `scale` grows a quad of a picture around its middle. `rotation` is in degrees, clockwise, and
        not taken with a quad; `opacity` (0 to 1) is of all that is put on. Text can have a box in the colour
        `background` behind it and a line in the colour `outline` around its letters. Raises `ToolRefusal` for what lies
        wholly outside, for text that cannot be drawn or does not fit, and for a quad without area.
        """
        if isinstance(content, str):
            look = Look(color, background, outline, opacity)
            text = printable(content)
            if quad is not None:
                return self._text_in_quad(base, text, quad, scale, look, font_size)
            return self._text(base, text, center, scale, look, font_size, rotation)
        layer = with_opacity(to_profile(content, profile_of(base)), opacity)
        if quad is not None:
            return put_into_quad(base, layer, _grown(quad, scale or 1.0))
        return _put_object(base, layer, center, scale, rotation)

    def _text(
        self,
        base: Image.Image,
        text: str,
        center: Point,
        scale: float | None,
        look: Look,
        size: float | None,
        rotation: float,
    ) -> Image.Image:
        margin = round(self.config.margin * min(base.size))
        box = max(1, base.width - 2 * margin), max(1, base.height - 2 * margin)
        wanted = (size or max(self.config.text_size * math.sqrt(base.width * base.height), 14)) * (scale or 1.0)
        block = self._set_turned(text, box, wanted, rotation, look)
        outer = turned_size(_padded(block, look), rotation)
        left, top, width, height = _inside(center, outer, base.size, margin)
        layer = self._drawn(base, block, (left, top, left + width, top + height), look)
        outer = turned_size(layer.size, rotation)
        left, top, width, height = _inside(center, outer, base.size, margin)
        if rotation % 90:
            return put_turned(base, layer, (left + width / 2, top + height / 2), 1.0, rotation)
        return put(base, quarter_turned(layer, rotation), left, top)

    def _text_in_quad(
        self, base: Image.Image, text: str, quad: Quad, scale: float | None, look: Look, size: float | None
    ) -> Image.Image:
        area = quad_size(quad)
        wanted = size * (scale or 1.0) if size else area[1] * min(scale or 1.0, 1.0)
        room = max(1, int(area[0] * 0.94)), max(1, int(area[1] * 0.94))
        block = self._set(text, room, wanted, whole_words=self.config.smallest_text)
        layer = self._drawn(base, block, bounds(quad), look, boxed=False)
        sheet = _box(area, look, base) if look.background is not None else Image.new("RGBA", area)
        spot = (area[0] - layer.width) // 2, (area[1] - layer.height) // 2
        if look.background is None:
            sheet.paste(layer, spot)
        else:
            sheet.alpha_composite(layer, spot)
        return put_into_quad(base, with_opacity(sheet, look.opacity), quad)

    def _set(self, text: str, box: Size, wanted: float, whole_words: int | None = None) -> Block:
        smallest, size = self.config.smallest_text, max(1, round(wanted))
        return set_text(text, box, size, smallest, bold=self.config.bold, whole_words=whole_words)

    def _set_turned(self, text: str, box: Size, wanted: float, rotation: float, look: Look) -> Block:
        """The block at the wanted size, or the largest at which it fits `box` when turned, its padding included."""
        room = turned_room(box, rotation)
        for _ in range(_TRIES):
            block = self._set(text, room, wanted)
            outer = turned_size(_padded(block, look), rotation)
            share = min(box[0] / outer[0], box[1] / outer[1])
            if share >= 1 or (rotation == 0 and look.background is None):
                return block
            # Less room for its lines, not only smaller letters: in the same room smaller letters make longer lines.
            share = min(share, _STEP)
            room = max(1, math.floor(room[0] * share)), max(1, math.floor(room[1] * share))
        raise ToolRefusal(
            f"the text does not fit {box[0]} × {box[1]} pixels on a box or turned. Shorten it, turn it less, or use a "
            "larger picture."
        )

    def _drawn(
        self, base: Image.Image, block: Block, place: PixelBox, look: Look, *, boxed: bool = True
    ) -> Image.Image:
        """The block as a layer in the base's profile: in its colour, or in white or black; outlined where needed.

        With a background it lies on a box (unless not `boxed`), and what is readable is measured against that.
        """
        if look.background is not None:
            base = _backed(base, place, look.background)
        darkest, middle, brightest = _luminances(base, place)
        edge = None if look.outline is None else ImageColor.getrgb(look.outline)[:3]
        beside = middle if edge is None else float(_luminance(np.array(edge, np.uint8)))
        fill: Color = WHITE if beside < BRIGHT else BLACK
        if look.color is not None:
            fill = ImageColor.getrgb(look.color)[:3]
        own = float(_luminance(np.array(fill, np.uint8)))
        weakest = min(_contrast(own, darkest), _contrast(own, brightest)) if not darkest <= own <= brightest else 1.0
        if edge is None and weakest < self.config.readable_contrast:
            edge = BLACK if own > 0.18 else WHITE
        layer = to_profile(draw_block(block, fill, edge), profile_of(base))
        if not boxed:
            return layer
        if look.background is not None:
            pad = _padding(block)
            sheet = _box((layer.width + 2 * pad, layer.height + 2 * pad), look, base)
            sheet.alpha_composite(layer, (pad, pad))
            layer = sheet
        return with_opacity(layer, look.opacity)


@dataclass(frozen=True, slots=True)
class Look:
    """How text looks: colours as Pillow knows them (None: as suits the place), and the opacity of all of it."""

    color: str | None
    background: str | None
    outline: str | None
    opacity: float


def _padding(block: Block) -> int:
    """What a box keeps free around its text, in pixels."""
    return max(2, round(_PADDING * block.font.size))


def _padded(block: Block, look: Look) -> Size:
    pad = _padding(block) if look.background is not None else 0
    return block.size[0] + 2 * pad, block.size[1] + 2 * pad


def _box(size: Size, look: Look, base: Image.Image) -> Image.Image:
    """A sheet of the background's colour, in the profile of `base`."""
    return to_profile(Image.new("RGBA", size, look.background or WHITE), profile_of(base))


def _backed(base: Image.Image, place: PixelBox, background: str) -> Image.Image:
    """What lies behind the letters of a text on a box: `base` with the background's colour over `place`."""
    left, top, right, bottom = math.floor(place[0]), math.floor(place[1]), math.ceil(place[2]), math.ceil(place[3])
    sheet = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)), background)
    return put(base, to_profile(sheet, profile_of(base)), left, top)


def _put_object(
    base: Image.Image, layer: Image.Image, center: Point, scale: float | None, rotation: float
) -> Image.Image:
    """Only the part of the layer that the base shows is ever scaled, so that a large scale costs nothing."""
    if scale is None:
        outer = turned_size(layer.size, rotation)
        scale = min(1.0, base.width / outer[0], base.height / outer[1])
    if rotation % 90:
        return put_turned(base, layer, center, scale, rotation)
    layer = quarter_turned(layer, rotation)
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
