"""Quoted words on signs, posters and plain grounds: wrapped, centred, as large as their place allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from canvasagent.english.colors import Rgb, shaded
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import Point, Size


@dataclass(frozen=True, slots=True)
class Lettering:
    """Words to write: on what ("sign", "poster" or "" for the ground itself), in which colours, where."""

    text: str
    board: str = ""
    color: Rgb | None = None
    board_color: Rgb | None = None
    spot: Point = (0.5, 0.5)


BOARDS: dict[str, tuple[float, float, Rgb]] = {
    "sign": (0.78, 0.4, (32, 92, 64)),
    "banner": (0.96, 0.26, (176, 36, 44)),
    "poster": (0.7, 0.86, (244, 236, 216)),
    "card": (0.8, 0.54, (252, 250, 244)),
    "label": (0.6, 0.3, (250, 244, 226)),
    "": (0.9, 0.6, (255, 255, 255)),
}
"""Boards by name: width and height as shares of the picture, and the usual colour."""


def letter(pixels: NDArray[Any], item: Lettering) -> NDArray[Any]:
    """`pixels` (height, width, 3) with the words. Raises `ToolRefusal` for a script that no font has."""
    height, width = pixels.shape[:2]
    share_x, share_y, usual = BOARDS[item.board]
    board = (round(width * share_x), round(height * share_y))
    left = round((width - board[0]) * item.spot[0])
    top = round((height - board[1]) * item.spot[1])
    picture = Image.fromarray(pixels)
    if item.board:
        color = item.board_color or usual
        _board(picture, (left, top), board, color)
    else:
        color = _tone(pixels[top : top + board[1], left : left + board[0]])
    ink = item.color or _contrasting(color)
    if contrast(ink, color) < 1.6:
        ink = _contrasting(color)
    lines, size = fit(item.text, (board[0] * 0.86, board[1] * 0.78))
    font = font_for(item.text, size, True)
    draw = ImageDraw.Draw(picture)
    pitch = size * 1.22
    middle = top + board[1] / 2 - pitch * (len(lines) - 1) / 2
    for index, line in enumerate(lines):
        box = font.getbbox(line, anchor="ls")
        x = left + board[0] / 2 - (box[0] + box[2]) / 2
        # Capitals are centred on their own height, so that all lines sit alike.
        cap = font.getbbox("H" if line.isascii() else line, anchor="ls")
        draw.text((x, middle + index * pitch - (cap[1] + cap[3]) / 2), line, font=font, fill=ink, anchor="ls")
    return np.array(picture)


def _board(picture: Image.Image, place: tuple[int, int], size: Size, color: Rgb) -> None:
    """A board with round corners, a soft shadow and a rim."""
    fine, side = 3, min(size)
    radius, shadow = round(side * 0.06), max(2, round(side * 0.03))
    large = Image.new("L", (size[0] * fine, size[1] * fine))
    ImageDraw.Draw(large).rounded_rectangle([0, 0, large.width - 1, large.height - 1], radius * fine, fill=255)
    cover = large.resize(size, Image.Resampling.BOX)
    dark = Image.new("RGB", size, (0, 0, 0))
    picture.paste(dark, (place[0] + shadow, place[1] + shadow), cover.point([value // 4 for value in range(256)]))
    picture.paste(Image.new("RGB", size, shaded(color, -0.3)), place, cover)
    rim = max(2, round(side * 0.022))
    inner = (max(1, size[0] - 2 * rim), max(1, size[1] - 2 * rim))
    inside = Image.new("RGB", inner, color)
    picture.paste(inside, (place[0] + rim, place[1] + rim), cover.resize(inner, Image.Resampling.BILINEAR))


def fit(text: str, room: tuple[float, float]) -> tuple[list[str], float]:
    """`text` in lines (its own, or broken between words) at the largest size that fits `room` (width, height)."""
    words = text.split()
    best: tuple[float, list[str]] = (0.0, [text])
    probe = font_for(text, 100, True)
    for count in range(1, min(len(words), 8) + 1):
        lines = text.splitlines() if "\n" in text else _broken(words, count, probe.getlength)
        widest = max(max(probe.getlength(line) for line in lines), 1.0)
        size = min(room[0] / widest * 100, room[1] / (1.22 * len(lines)))
        if size > best[0] * 1.02:
            best = size, lines
    return best[1], float(int(max(6.0, min(best[0], 0.75 * room[1]))))


def _broken(words: list[str], count: int, length: Any) -> list[str]:
    """The words in at most `count` lines of about the same length."""
    limit = length(" ".join(words)) / count * 1.08
    lines: list[str] = []
    for word in words:
        if lines and (length(f"{lines[-1]} {word}") <= limit or len(lines) == count):
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _tone(pixels: NDArray[Any]) -> Rgb:
    red, green, blue = (int(value) for value in np.median(pixels.reshape(-1, 3), axis=0))
    return red, green, blue


def luminance(color: Rgb) -> float:
    """Relative luminance (WCAG), 0 to 1."""
    linear = [((value / 255 + 0.055) / 1.055) ** 2.4 if value > 10 else value / 255 / 12.92 for value in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Rgb, other: Rgb) -> float:
    """The WCAG contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _contrasting(color: Rgb) -> Rgb:
    """Nearly white on dark colours, nearly black on light ones."""
    light: Rgb = (250, 248, 240)
    dark: Rgb = (24, 24, 28)
    return light if contrast(light, color) >= contrast(dark, color) else dark
