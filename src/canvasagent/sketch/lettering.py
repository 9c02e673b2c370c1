"""Words in a drawn picture: on a sign's board, on a banner across the top, as a caption below."""

from __future__ import annotations

from PIL import Image, ImageColor, ImageDraw, ImageFont

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for
from canvasagent.sketch.sprite import Sprite

SMALLEST = 7
"""Letter height in pixels below which words could not be read."""


def fit(text: str, width: float, height: float, bold: bool = True) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """The text in lines, in the largest letters that fit into a box. Raises `ToolRefusal` where none are legible."""
    words = text.split()
    for size in (int(height * share) for share in (0.8, 0.66, 0.55, 0.46, 0.38, 0.32, 0.26, 0.21, 0.17, 0.14, 0.11)):
        if size < SMALLEST:
            break
        font = font_for(text, size, bold)
        lines = _wrap(words, font, width)
        if lines is not None and len(lines) * size * 1.16 <= height * 1.02:
            return lines, font
    raise ToolRefusal(f"'{text[:60]}' is too long to be read on a board of that size; use fewer words.")


def _wrap(words: list[str], font: ImageFont.FreeTypeFont, width: float) -> list[str] | None:
    """Lines of at most `width` pixels, or None if a single word is wider."""
    lines: list[str] = []
    for word in words:
        if font.getlength(word) > width:
            return None
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _write(picture: Image.Image, text: str, box: tuple[float, float, float, float], color: tuple[int, ...]) -> None:
    left, top, width, height = box
    lines, font = fit(text, width, height)
    step = font.size * 1.16
    y = top + height / 2 - step * (len(lines) - 1) / 2
    draw = ImageDraw.Draw(picture)
    for index, line in enumerate(lines):
        draw.text((left + width / 2, y + index * step), line, font=font, fill=color, anchor="mm")


def write_in(thing: Image.Image, sprite: Sprite, text: str, mirrored: bool) -> Image.Image:
    """A copy of a sprite's picture with words in its text box, dark on light or light on dark."""
    assert sprite.info.text_box is not None
    left, top, width, height = sprite.info.text_box
    across, down = thing.width / sprite.width, thing.height / sprite.height
    left = sprite.width - left - width if mirrored else left
    box = (left * across, top * down, width * across, height * down)
    copy = thing.copy()
    middle = copy.getpixel((round(box[0] + box[2] / 2), round(box[1] + box[3] / 2)))
    _write(copy, text, box, ink(middle if isinstance(middle, tuple) else (128, 128, 128)))
    return copy


def ink(ground: tuple[int, ...]) -> tuple[int, int, int]:
    """A colour that reads well on `ground`."""
    light = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2]
    return (34, 32, 38) if light > 120 else (252, 250, 244)


def banner(picture: Image.Image, text: str) -> Image.Image:
    """A copy with a ribbon across the top that carries the words."""
    return _band(picture, text, 0.05, "#b8352f")


def caption(picture: Image.Image, text: str) -> Image.Image:
    """A copy with the words on a light band at the lower edge."""
    return _band(picture, text, 0.86, "#f7f4ea")


def _band(picture: Image.Image, text: str, at: float, color: str) -> Image.Image:
    width, height = picture.size
    band = (0.06 * width, at * height, 0.88 * width, 0.1 * height)
    copy = picture.copy()
    corner = (band[0], band[1], band[0] + band[2], band[1] + band[3])
    fill = ImageColor.getrgb(color)
    ImageDraw.Draw(copy).rounded_rectangle(corner, radius=0.015 * min(picture.size), fill=fill)
    _write(copy, text, (band[0] + 0.02 * width, band[1], band[2] - 0.04 * width, band[3]), ink(fill))
    return copy
