"""What is written in drawn pictures: words from `texts.toml`, and where their lines stand."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from PIL import ImageFont

from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.sketch.lettering import fit
from canvasagent.sketch.placement import Placement

Line = tuple[str, PixelBox, float]
"""Words, where they stand in pixels, and the size of their letters."""

LEGIBLE = 13.0
"""Letters of fewer pixels than this are not surely read."""


@cache
def texts() -> dict[str, Any]:
    """`texts.toml`, read once."""
    return tomllib.loads((files(__package__) / "texts.toml").read_text("utf-8"))


def words_for(kind: str, random: Random) -> str:
    """Words for a kind of board: signs, stops, shops, billboards, banners, captions."""
    text = filled(random.choice(texts()[kind]["texts"]), random)
    return text.upper() if kind in ("signs", "shops", "billboards", "banners") else text


def filled(template: str, random: Random) -> str:
    """A template with its slots filled at random."""
    return re.sub(r"\{(\w+)\}", lambda slot: _slot(slot.group(1), random), template)


def _slot(name: str, random: Random) -> str:
    slots = texts()["slots"]
    if name in slots:
        return str(random.choice(slots[name]))
    numbers = {
        "price": lambda: f"${random.randint(1, 29)}.{random.choice(('00', '20', '50', '75', '90', '99'))}",
        "time": lambda: f"{random.randint(7, 22)}:{random.choice(('00', '15', '30', '45'))}",
        "date": lambda: str(random.randint(1, 28)),
        "percent": lambda: f"{random.randrange(10, 80, 5)}%",
        "number": lambda: str(random.randint(11, 499)),
        "digit": lambda: str(random.randint(2, 9)),
        "km": lambda: str(random.randint(2, 95)),
        "minutes": lambda: str(random.randrange(15, 70, 5)),
        "gate": lambda: f"{random.choice('ABCDEFG')}{random.randint(2, 29)}",
        "phone": lambda: f"555 {random.randint(1000, 9999)}",
    }
    return numbers[name]()


def lines_in(words: str, box: tuple[float, float, float, float]) -> list[Line]:
    """Where the lines of words stand that the drawn world writes into a box (left, top, width, height).

    Raises `ToolRefusal` where they do not fit.
    """
    left, top, width, height = box
    wrapped, font = fit(words, width, height)
    step = font.size * 1.16
    first = top + height / 2 - step * (len(wrapped) - 1) / 2
    return [
        (line, _around(line, font, (left + width / 2, first + at * step)), font.size) for at, line in enumerate(wrapped)
    ]


def _around(line: str, font: ImageFont.FreeTypeFont, middle: tuple[float, float]) -> PixelBox:
    left, top, right, bottom = font.getbbox(line, anchor="mm")
    return left + middle[0], top + middle[1], right + middle[0], bottom + middle[1]


def lines_on(placement: Placement) -> list[Line]:
    """The lines on a sign or a shop front. Raises `ToolRefusal` where its words do not fit."""
    info, sprite = placement.sprite.info, placement.sprite
    if not placement.words or info.text_box is None:
        return []
    wide, tall = max(1, round(placement.width)), max(1, round(placement.height))
    x, y, width, height = info.text_box
    x = sprite.width - x - width if placement.mirrored else x
    across, down = wide / sprite.width, tall / sprite.height
    inner = lines_in(placement.words, (x * across, y * down, width * across, height * down))
    left, top = round(placement.left), round(placement.top)
    return [(words, (box[0] + left, box[1] + top, box[2] + left, box[3] + top), size) for words, box, size in inner]


def lines_of_band(words: str, size: Size, at: float) -> list[Line]:
    """The lines of a banner (`at` 0.05) or a caption (0.86). Raises `ToolRefusal` where they do not fit."""
    width, height = size
    return lines_in(words, (0.08 * width, at * height, 0.84 * width, 0.1 * height))
