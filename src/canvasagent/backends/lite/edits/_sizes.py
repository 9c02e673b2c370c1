"""What edits that change the size of a picture share: words for lengths and shapes, sheets, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from PIL import Image

from canvasagent.backends.lite.edits._spec import Pixels
from canvasagent.english.colors import color_pattern, flat_color
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import MOST_PIXELS, Size

NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
PIXELS = r" ?(?:px|pixels?)"
LENGTH = rf"{NUMBER}(?:[ -]?(?:px|pixels?)| ?%| percent| per cent)"
"""A length: "20 px", "20-pixel", "5 %" (of the shorter side)."""
COLOR = rf"(?:transparent|{color_pattern()})"
PICTURE = r"(?:it|(?:the|this|my) (?:whole )?(?:image|picture|photo|photograph|canvas))"
WITHOUT_GROWING = r",? ?(?:but )?without (?:growing|enlarging|changing|increasing|extending|altering|expanding)"

_FIRST_NUMBER = re.compile(NUMBER)
_A_LENGTH = re.compile(LENGTH, re.IGNORECASE)
_A_COLOR = re.compile(rf"(?<!\w){COLOR}(?!\w)", re.IGNORECASE)

Rgba = tuple[int, int, int, int]


def number_in(words: str) -> float:
    """The first number in `words`; 0 where there is none."""
    match = _FIRST_NUMBER.search(words)
    return float(match[0]) if match else 0.0


def lengths_in(words: str) -> list[str]:
    """Every length that `words` name, as written."""
    return _A_LENGTH.findall(words)


def in_pixels(length: str, size: Size) -> int:
    """A length in whole pixels; a percentage is of the shorter side of a picture of `size`. Never less than 1."""
    share = "%" in length or "cent" in length.lower()
    return max(1, round(number_in(length) * (min(size) / 100 if share else 1)))


def colors_in(words: str) -> list[str]:
    """Every color that `words` name, `transparent` among them."""
    return _A_COLOR.findall(words)


def rgba_of(name: str) -> Rgba:
    """The color of that name for a flat area; `transparent` has no opacity."""
    if name.lower() == "transparent":
        return 0, 0, 0, 0
    rgb = flat_color(name)
    return (*rgb, 255) if rgb is not None else (255, 255, 255, 255)


def bounded(size: tuple[float, float], clause: str) -> Size:
    """`size` in whole pixels. Raises `ToolRefusal` where it has no area, or more than any picture may have."""
    width, height = round(size[0]), round(size[1])
    if width < 1 or height < 1:
        raise ToolRefusal(f"'{clause}' would leave less than one pixel; ask for a larger size.")
    if width * height > MOST_PIXELS:
        raise ToolRefusal(
            f"'{clause}' would make a picture of {width:,} × {height:,} pixels; at most {MOST_PIXELS:,} are possible. "
            "Ask for a smaller size."
        )
    return width, height


def resampled(pixels: Pixels, size: Size) -> Pixels:
    """RGBA pixels at another size (width, height), by Lanczos on colors multiplied by alpha."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def on_sheet(pixels: Pixels, size: Size, corner: tuple[int, int], color: Rgba) -> Pixels:
    """RGBA pixels, unchanged, on a sheet of `size` (width, height) in `color`, their top left at `corner` (x, y)."""
    sheet = np.empty((size[1], size[0], 4), np.uint8)
    sheet[:] = color
    left, top = corner
    sheet[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return sheet


def clause_of(values: Mapping[str, str]) -> str:
    """The clause that the values were read from, for messages."""
    return values.get("clause", "")
