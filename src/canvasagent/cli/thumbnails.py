"""Small pictures in a terminal: two pixels a character, drawn as half blocks in the terminal's own colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

HALF = "▀"
_LIGHT, _DARK = (204, 204, 204), (153, 153, 153)
"""The chequerboard that shows through where a picture is transparent."""


def can_show(console: Console) -> bool:
    """Whether pictures make sense on this console: a terminal with 256 colours or more that writes Unicode."""
    colours = console.color_system in ("256", "truecolor")
    return console.is_terminal and colours and console.encoding.lower().startswith("utf")


def thumbnail(picture: Image.Image, columns: int = 28, rows: int = 9) -> Text:
    """`picture` in at most `columns` × `rows` characters; its shape is kept."""
    scale = min(columns / picture.width, 2 * rows / picture.height, 1.0)
    width, height = max(1, round(picture.width * scale)), max(2, round(picture.height * scale))
    height += height % 2
    small = _on_chequers(picture.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))
    pixels = small.load()
    assert pixels is not None
    text = Text(no_wrap=True, end="")
    for row in range(0, height, 2):
        for column in range(width):
            text.append(HALF, Style(color=_color(pixels[column, row]), bgcolor=_color(pixels[column, row + 1])))
        if row + 2 < height:
            text.append("\n")
    return text


def _color(pixel: object) -> Color:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel[:3]
    return Color.from_rgb(red, green, blue)


def _on_chequers(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    board = Image.new("RGB", picture.size)
    board.putdata(
        [
            _LIGHT if (column // 2 + row // 2) % 2 else _DARK
            for row in range(picture.height)
            for column in range(picture.width)
        ]
    )
    board.paste(picture.convert("RGBA"), mask=picture.getchannel("A"))
    return board
