"""Reading by rendering: does a line show an expected text, letter by letter, rather than other letters?

The expected text is drawn in the bundled fonts and stretched to the line's ink. Each letter is then compared where
it should be, give or take a third of its width, with normalised correlation; and so are all the other letters and
digits. A letter is there where it fits by 0.55 and no letter of another shape fits better by more than 0.06.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for
from canvasagent.rewards.checks._pixels import Array, resized

TALL = 32
"""Height in pixels at which letters are compared."""
FITS, AHEAD = 0.55, 0.06
OTHERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrty0123456789"
"""What else a letter could be (small letters that look like their capitals are left out)."""
ALIKE = (
    "O0oQD",
    "Il1|i!jt",
    "S5s",
    "Z2z",
    "B8",
    "cC",
    "vV",
    "wW",
    "xX",
    "uU",
    "kK",
    "pP",
    "mM",
    "6G",
    "9g",
    "nh",
    "'’`",
)
"""Letters that a reader may take for each other without reading another word."""


def inks_of(patch: Array) -> list[Array]:
    """A line's ink (0 to 1, float32), cropped to it, as up to three readings of what is ink there.

    What differs from the border's colour (letters on a board), what is lighter and what is darker than all around
    within half the line's height (letters on a photograph).
    """
    pixels = patch.astype(np.float32)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    off = np.linalg.norm(pixels - np.median(edge, axis=0), axis=2)
    grey = cv2.cvtColor(np.ascontiguousarray(patch), cv2.COLOR_RGB2GRAY)
    size = max(3, round(0.4 * patch.shape[0])) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    hats = [cv2.morphologyEx(grey, way, kernel).astype(np.float32) for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)]
    return [ink for plane in (off, *hats) if (ink := _cropped(plane)) is not None]


def _cropped(off: Array) -> Array | None:
    """A plane of contrast as ink, cropped to the rows and columns that have a good part of it."""
    if off.max() < 24:
        return None
    level, _ = cv2.threshold(np.clip(off, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    solid = off > max(level, 16)
    across = solid.sum(axis=1)
    rows = np.flatnonzero(across > 0.08 * across.max())
    columns = np.flatnonzero(solid.sum(axis=0) > 0)
    if len(rows) < 4 or len(columns) < 2:
        return None
    top = float(np.quantile(off[solid], 0.6))
    part = off[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(np.clip(part / max(top, 1.0), 0, 1), dtype=np.float32)


@lru_cache(maxsize=512)
def drawn(text: str, bold: bool) -> tuple[Array, tuple[tuple[str, int, int], ...]] | None:
    """The ink of a text `TALL` pixels high, and (letter, left, right) of each visible one; None without a font."""
    try:
        font = font_for(text, 64, bold)
    except ToolRefusal:
        return None
    size = round(font.getlength(text)) + 40, 128
    canvas = Image.new("L", size, 0)
    ImageDraw.Draw(canvas).text((16, 20), text, fill=255, font=font)
    box = canvas.getbbox()
    if box is None:
        return None
    scale = TALL / (box[3] - box[1])
    ink = np.asarray(canvas.crop(box), dtype=np.float32) / 255
    ink = resized(ink, max(2, round(ink.shape[1] * scale)), TALL)
    spans = []
    for index, letter in enumerate(text):
        if not letter.isspace():
            left, right = _span(font, text, index)
            spans.append((letter, round((16 + left - box[0]) * scale), round((16 + right - box[0]) * scale)))
    return ink, tuple(spans)


def _span(font: ImageFont.FreeTypeFont, text: str, index: int) -> tuple[float, float]:
    start = font.getlength(text[:index])
    left, _, right, _ = font.getbbox(text[index])
    return start + left, start + right


@lru_cache(maxsize=512)
def _letter(letter: str, bold: bool, reference: str) -> Array | None:
    """A letter's ink as tall and placed as it would be in the expected text's line, cropped in width."""
    font = font_for(reference, 64, bold)
    canvas = Image.new("L", (160, 128), 0)
    ImageDraw.Draw(canvas).text((30, 20), letter, fill=255, font=font)
    box = canvas.getbbox()
    line = font.getmask(reference).size, font.getbbox(reference)
    if box is None or line[1][3] <= line[1][1]:
        return None
    top, bottom = 20 + int(line[1][1]), 20 + int(line[1][3])
    ink = np.asarray(canvas, dtype=np.float32)[max(0, top) : bottom, box[0] : box[2]] / 255
    return resized(ink, max(2, round(ink.shape[1] * TALL / ink.shape[0])), TALL)


def strength(ink: Array, text: str) -> float:
    """Share of a text's letters that a line's ink shows, 0 to 1, in the bundled font that suits best."""
    best = 0.0
    for bold in (False, True):
        rendered = drawn(text, bold)
        if rendered is None:
            continue
        expected, spans = rendered
        natural = expected.shape[1] / TALL
        aspect = ink.shape[1] / ink.shape[0]
        if not 0.5 < aspect / natural < 1.9:
            continue
        shown = cv2.GaussianBlur(resized(ink, expected.shape[1], TALL), (0, 0), 1.0)
        whole = _correlation(shown, cv2.GaussianBlur(expected, (0, 0), 1.0))
        if whole < 0.25:
            continue
        right = [_is_there(shown, expected, span, text, bold) for span in spans]
        best = max(best, sum(right) / len(right))
    return best


def _correlation(one: Array, other: Array) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))


def _is_there(shown: Array, expected: Array, span: tuple[str, int, int], text: str, bold: bool) -> bool:
    letter, left, right = span
    width = max(right - left, 3)
    room = max(3, round(0.35 * width))
    window = _bordered(shown[:, max(0, left - room) : right + room], 2, 2)
    own = _fit(window, _soft(np.ascontiguousarray(expected[:, max(0, left) : right])))
    if own < FITS:
        return False
    others = _others(letter, bold, text, width)
    return others is None or _best_fit(window, others) <= own + AHEAD


@lru_cache(maxsize=1024)
def _others(letter: str, bold: bool, reference: str, width: int) -> Array | None:
    """The soft ink at that width of all other letters, (n, height, width), each of mean 0 and norm 1."""
    alike = next((group for group in ALIKE if letter in group), letter)
    others = [other for other in OTHERS if other not in alike and other.lower() != letter.lower()]
    shapes = [shape for other in others if (shape := _other(other, bold, reference, width)) is not None]
    if not shapes:
        return None
    planes = np.stack(shapes)
    planes -= planes.mean(axis=(1, 2), keepdims=True)
    return np.asarray(planes / np.sqrt((planes**2).sum(axis=(1, 2), keepdims=True)))


def _best_fit(window: Array, planes: Array) -> float:
    """The best correlation of any of the planes inside a window: `_fit` of all of them, in one product."""
    _, tall, wide = planes.shape
    if window.shape[1] < wide:
        return 0.0
    places = np.lib.stride_tricks.sliding_window_view(window, (tall, wide)).reshape(-1, tall * wide)
    places = places - places.mean(axis=1, keepdims=True)
    norms = np.sqrt((places**2).sum(axis=1))
    return float(((places @ planes.reshape(len(planes), -1).T).max(axis=1) / np.maximum(norms, 1e-3)).max())


@lru_cache(maxsize=4096)
def _other(letter: str, bold: bool, reference: str, width: int) -> Array | None:
    """Another letter's soft ink at that width; None where it would have to be stretched too much."""
    shape = _letter(letter, bold, reference)
    if shape is None or not 0.5 < shape.shape[1] / width < 1.8:
        return None
    return _soft(resized(shape, width, TALL))


def _bordered(ink: Array, above: int, beside: int) -> Array:
    return np.asarray(cv2.copyMakeBorder(ink, above, above, beside, beside, cv2.BORDER_CONSTANT, value=0))


def _soft(shape: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(_bordered(shape, 0, 1), (0, 0), 1.0))


def _fit(window: Array, shape: Array) -> float:
    """The best correlation of a letter's soft ink inside a window of the line."""
    if window.shape[1] < shape.shape[1]:
        return 0.0
    return float(cv2.matchTemplate(window, shape, cv2.TM_CCOEFF_NORMED).max())
