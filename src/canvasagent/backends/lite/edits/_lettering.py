"""Written text in a picture: which strokes it is, taking it away, and writing other words in its manner.

A line is looked at upright, through the perspective of its four corners. There its strokes are told from the ground
by colour; a trial setting of the old words gives size, width, weight and slant; the new words are set likewise, and
laid back through the same perspective.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from canvasagent.backends.base import TextLine
from canvasagent.backends.lite.edits._fill import fill
from canvasagent.backends.lite.edits._lines import measure, quad_mask, span_of, window_of
from canvasagent.backends.lite.edits._spec import Mask, Pixels, as_pixels
from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import LARGE_PIXELS

Array = NDArray[Any]
_MARGIN = (1.2, 0.18)
"""What is looked at beyond a line's corners, along and across it, as shares of its height."""
_REACH = 0.25
"""How far strokes may reach beyond a line's corners, as a share of its height."""
_PLAIN = 6.0
"""Levels by which nearly all of a plain ground differs from its colour at most."""
_TRIAL = (240, 60)
_HEIGHT = 96
"""Lines are analysed at this height, in pixels (without the margin)."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A line, upright: pixels, strokes, how far each pixel is a stroke, the two colours, and the way back."""

    pixels: Pixels
    strokes: Mask
    color: Array
    back: Array
    """3 × 3 matrix from the patch to the picture."""
    margin: tuple[int, int]
    """Columns and rows round the line's corners."""


def upright(pixels: Pixels, line: TextLine) -> Patch:
    """The line as a patch `_HEIGHT` pixels high, with its strokes."""
    width, height = measure(line)
    scale = _HEIGHT / height
    margin = round(_MARGIN[0] * _HEIGHT), round(_MARGIN[1] * _HEIGHT)
    size = (min(round(width * scale), 6000) + 2 * margin[0], _HEIGHT + 2 * margin[1])
    (left, top), right, low = margin, size[0] - margin[0], size[1] - margin[1]
    corners = np.array([[left, top], [right, top], [right, low], [left, low]], np.float32)
    back = cv2.getPerspectiveTransform(corners, np.array(line.quad, np.float32))
    seen = cv2.warpPerspective(
        pixels, back, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    strokes, color = _strokes(seen, margin, line.text)
    return Patch(seen, strokes, color, back, margin)


def _strokes(seen: Pixels, margin: tuple[int, int], said: str) -> tuple[Mask, Array]:
    """Which pixels are strokes, and their colour: of several splits by colour the one that looks most like `said`."""
    window = slice(margin[1], -margin[1]), slice(margin[0], -margin[0])
    inner = seen[window]
    lab = cv2.cvtColor(inner.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    best: tuple[float, Mask] | None = None
    for candidate in _color_splits(lab):
        likeness = likeness_of(candidate, said)[0]
        if best is None or likeness > best[0]:
            best = likeness, candidate
    strokes = np.zeros(seen.shape[:2], bool)
    if best is not None:
        strokes[window] = best[1]
    core = cv2.erode(strokes.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    chosen = core if core.sum() > 30 else strokes
    color = np.median(seen[chosen], axis=0) if chosen.any() else np.zeros(3)
    return strokes, color


def _color_splits(lab: Array) -> Iterator[Mask]:
    """The inside of a line split into two, three and four colours: each colour is a candidate, specks left out."""
    small = cv2.resize(lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    small = small[:: max(1, len(small) // 4000)]
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
    for count in (2, 3, 4):
        if len(small) < count:
            return
        cv2.setRNGSeed(count)
        _, _, centers = cv2.kmeans(small, count, np.empty(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)
        nearest = np.stack([((lab - center) ** 2).sum(axis=2) for center in centers]).argmin(axis=0)
        for index in range(count):
            chosen = cv2.morphologyEx((nearest == index).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
            if 0.02 < chosen.mean() < 0.9:
                yield chosen > 0


def erase_lines(pixels: Pixels, lines: Sequence[TextLine], seed: int) -> Pixels:
    """Take the strokes of `lines` away; every other pixel stays."""
    hole = np.zeros(pixels.shape[:2], bool)
    for line in lines:
        check_cancelled()
        strokes = strokes_in_picture(pixels, upright(pixels, line), line)
        tone = _plain_ground(pixels, strokes, line)
        if tone is None:
            hole |= strokes
        else:
            pixels = _painted(pixels, strokes, tone)
    return fill(pixels, hole, seed, strokes=True) if hole.any() else pixels


def _plain_ground(pixels: Pixels, strokes: Mask, line: TextLine) -> Array | None:
    """The colour of what a line stands on, where that is one colour (a board, a banner); None where it is not."""
    ground = pixels[quad_mask(line, pixels.shape[:2], 0.05) & ~strokes]
    if len(ground) < 20:
        return None
    tone = np.median(ground, axis=0)
    return tone if (np.abs(ground - tone).max(axis=1) <= _PLAIN).mean() >= 0.9 else None


def _painted(pixels: Pixels, where: Mask, tone: Array) -> Pixels:
    result = pixels.copy()
    result[where] = as_pixels(tone)
    return result


def strokes_in_picture(
    pixels: Pixels, patch: Patch, line: TextLine, reach: float = 0.07, part: Mask | None = None
) -> Mask:
    """The strokes of a patch (those in `part` of it) in the picture, grown by `reach` line heights and a pixel."""
    height, width = pixels.shape[:2]
    strokes = patch.strokes if part is None else patch.strokes & part
    laid = cv2.warpPerspective(strokes.astype(np.float32), patch.back, (width, height), flags=cv2.INTER_LINEAR)
    grow = 1 + round(reach * measure(line)[1])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    found = quad_mask(line, (height, width), _REACH)
    near = window_of(line, (height, width), math.ceil(_REACH * measure(line)[1]) + grow)
    found[near] &= cv2.dilate((laid[near] > 0.2).astype(np.uint8), kernel) > 0
    return found


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a line is set: font size, weight, stretch, slant, and where its ink starts and its baseline runs."""

    size: float
    bold: bool
    stretch: float
    slant: float
    left: float
    right: float
    baseline: float


def rewrite_line(pixels: Pixels, line: TextLine, old: str, new: str, seed: int) -> Pixels:
    """`line` with `old` in it (all of it if empty) replaced by `new`; raises `ToolRefusal` without a font for it."""
    patch = upright(pixels, line)
    span = (span_of(old, line.text) if old else None) or (0.0, 1.0)
    columns = _columns(patch, line.text, span)
    part = np.zeros_like(patch.strokes)
    part[:, columns[0] : columns[1]] = True
    said = line.text[round(span[0] * len(line.text)) : round(span[1] * len(line.text))]
    if not (patch.strokes & part).any():
        raise ToolRefusal(f"the strokes of '{said}' cannot be told from what is behind them.")
    manner = _manner(patch.strokes & part, said)
    new = _cased_like(said, old, new)
    whole = span == (0.0, 1.0)
    room = _room(patch) if whole else columns
    coverage = _set(new, manner, patch.strokes.shape, room, centred=whole)
    every = strokes_in_picture(pixels, patch, line)
    strokes = every if part.all() else strokes_in_picture(pixels, patch, line, part=part)
    tone = _plain_ground(pixels, every, line)
    cleaned = fill(pixels, strokes, seed, strokes=True) if tone is None else _painted(pixels, strokes, tone)
    return _lay(cleaned, coverage, patch)


def _room(patch: Patch) -> tuple[float, float]:
    """The columns that a line may fill: as far as its ground goes on to either side, and at least its own ink."""
    left, top, right, bottom = _extent(patch.strokes)
    lab = cv2.cvtColor(patch.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    near = cv2.dilate(patch.strokes.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    rows = slice(top, bottom)
    ground = ~near[rows, left:right]
    if ground.sum() < 20:
        return left, right
    tone: Array = np.asarray(np.median(lab[rows, left:right][ground], axis=0))
    away: Array = np.sqrt(((lab[rows] - tone) ** 2).sum(axis=2))
    limit = max(10.0, 2.5 * float(np.percentile(away[:, left:right][ground], 80)))
    other = (away > limit).mean(axis=0) > 0.12
    before, after = np.flatnonzero(other[: max(left - 4, 0)]), np.flatnonzero(other[right + 4 :])
    pad = 0.1 * _HEIGHT
    low = before[-1] + pad if len(before) else pad
    high = right + 4 + after[0] - pad if len(after) else len(other) - pad
    return min(float(low), left), max(float(high), right)


def _cased_like(said: str, old: str, new: str) -> str:
    """`new`, in capitals where the line is in capitals and the prompt did not write its old words so."""
    return new.upper() if said.isupper() and old and not old.isupper() and new.islower() else new


def _columns(patch: Patch, text: str, span: tuple[float, float]) -> tuple[int, int]:
    """The columns of the patch that hold the part `span` of `text`, ending in gaps between words."""
    width = patch.strokes.shape[1]
    if span == (0.0, 1.0):
        return 0, width
    inked = np.flatnonzero(patch.strokes.any(axis=0))
    font = font_for(text, 64)
    full = max(font.getlength(text), 1.0)
    ends = []
    for share, outer in ((span[0], 0), (span[1], width)):
        count = round(share * len(text))
        if count in (0, len(text)):
            ends.append(outer)
            continue
        before, after = (
            font.getlength(text[:count].rstrip()),
            font.getlength(text[:count] + " " * text[count:].startswith(" ")),
        )
        guess = inked[0] + (before + after) / 2 / full * (inked[-1] - inked[0])
        near = np.arange(max(0, int(guess - 0.5 * _HEIGHT)), min(width, int(guess + 0.5 * _HEIGHT)))
        blank = cv2.blur(patch.strokes.max(axis=0, keepdims=True).astype(np.float32), (max(3, _HEIGHT // 8), 1))[0]
        worst: Array = np.asarray(blank[near] + 0.3 * np.abs(near - guess) / _HEIGHT)
        ends.append(int(near[int(worst.argmin())]))
    return ends[0], max(ends[1], ends[0] + 1)


def _ink(text: str, size: float, bold: bool) -> tuple[Array, int, int]:
    """`text` set in grey (0 to 255), cropped to its ink, with the ink's left edge and its bottom under the baseline."""
    font = font_for(text, size, bold)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    picture = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(picture).text((2 - left, 2 - top), text, font=font, fill=255, anchor="ls")
    box = picture.getbbox() or (0, 0, 1, 1)
    return np.array(picture.crop(box)), int(left) - 2 + box[0], int(top) - 2 + box[3]


def _extent(strokes: Mask) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the ink, without stray pixels."""
    rows, columns = np.flatnonzero(strokes.sum(axis=1) > 1), np.flatnonzero(strokes.sum(axis=0) > 1)
    if not len(rows) or not len(columns):
        rows, columns = np.flatnonzero(strokes.any(axis=1)), np.flatnonzero(strokes.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def likeness_of(strokes: Mask, said: str, slants: Sequence[float] = (0.0,)) -> tuple[float, bool, float]:
    """How much strokes look like `said` as we set it (intersection over union), with the best weight and slant."""
    left, top, right, bottom = _extent(strokes)
    seen = cv2.resize(strokes[top:bottom, left:right].astype(np.float32), _TRIAL, interpolation=cv2.INTER_AREA)
    best = (-1.0, False, 0.0)
    for bold in (False, True):
        ink, _, _ = _ink(said, 64, bold)
        for slant in slants:
            trial = cv2.resize(sheared(ink, slant).astype(np.float32) / 255, _TRIAL, interpolation=cv2.INTER_AREA)
            likeness = float(np.minimum(trial, seen).sum() / max(np.maximum(trial, seen).sum(), 1)) - 0.05 * (
                slant != 0
            )
            best = max(best, (likeness, bold, slant))
    return best


def _manner(strokes: Mask, said: str) -> _Manner:
    """Measure how the words `said` are set, by setting them too."""
    left, top, right, bottom = _extent(strokes)
    _, bold, slant = likeness_of(strokes, said, (0.0, 0.12, 0.22, -0.12))
    ink, _, below = _ink(said, 80, bold)
    size = 80 * (bottom - top) / ink.shape[0]
    stretch = ((right - left) / sheared(ink, slant).shape[1]) / ((bottom - top) / ink.shape[0])
    baseline = bottom - below * size / 80
    return _Manner(size, bold, float(np.clip(stretch, 0.5, 2.0)), slant, left, right, baseline)


def sheared(ink: Array, slant: float) -> Array:
    """`ink` slanted to the right by `slant` of its height, cropped."""
    if not slant:
        return ink
    height, width = ink.shape
    extra = int(abs(slant) * height) + 1
    matrix = np.array([[1, -slant, slant * height if slant > 0 else 0], [0, 1, 0]], np.float32)
    result = np.asarray(cv2.warpAffine(ink, matrix, (width + extra, height)))
    filled = np.flatnonzero(result.any(axis=0))
    return result[:, filled[0] : filled[-1] + 1] if len(filled) else result


def _set(new: str, manner: _Manner, shape: tuple[int, ...], room: tuple[float, float], centred: bool) -> Array:
    """The coverage (0 to 1, `shape`) of `new` in the manner; narrowed, then made smaller, where there is no room."""
    ink, _, below = _ink(new, manner.size, manner.bold)
    ink = sheared(ink, manner.slant)
    width = ink.shape[1] * manner.stretch
    space = room[1] - room[0]
    scale = 1.0
    if width > space:
        scale = max(space / width, 0.05) / max(0.8, min(1.0, space / width))
        width = space
    size = (max(1, round(width)), max(1, round(ink.shape[0] * scale)))
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if size[0] <= ink.shape[1] else cv2.INTER_CUBIC)
    middle = (manner.left + manner.right) / 2 if centred else manner.left + size[0] / 2
    left = round(min(max(middle - size[0] / 2, room[0]), room[1] - size[0]))
    top = round(manner.baseline + below * scale - size[1])
    coverage = np.zeros(shape, np.float32)
    target_top, target_left = max(top, 0), max(left, 0)
    piece = ink[target_top - top : shape[0] - top, target_left - left : shape[1] - left]
    coverage[target_top : target_top + piece.shape[0], target_left : target_left + piece.shape[1]] = piece / 255.0
    return coverage


def _lay(pixels: Pixels, coverage: Array, patch: Patch) -> Pixels:
    """Paint the patch's colour through its perspective by `coverage`, averaged over 4 × 4 points a pixel.

    Of huge letters a point a pixel is enough: there `coverage` has far fewer than they have pixels.
    """
    height, width = pixels.shape[:2]
    size = np.array([[0, 0], [coverage.shape[1], 0], [coverage.shape[1], coverage.shape[0]], [0, coverage.shape[0]]])
    corners = cv2.perspectiveTransform(size[None].astype(np.float64), patch.back)[0]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int), (width, height))
    if (high <= low).any():
        return pixels
    fine = 4 if (high - low).prod() <= LARGE_PIXELS else 1
    shift = np.array([[fine, 0, -fine * low[0]], [0, fine, -fine * low[1]], [0, 0, 1]], np.float64)
    span = ((high - low) * fine).tolist()
    dense = cv2.warpPerspective(coverage, shift @ patch.back, span, flags=cv2.INTER_LINEAR)
    share = cv2.resize(dense, (high - low).tolist(), interpolation=cv2.INTER_AREA)[..., None]
    result = pixels.copy()
    region = result[low[1] : high[1], low[0] : high[0]]
    region[...] = as_pixels(region * (1 - share) + patch.color * share)
    return result
