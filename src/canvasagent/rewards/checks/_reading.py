"""Two readers of one picture: letters by rendering (`_letters`), and OCR; what each says of an expected text."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np

from canvasagent.backends.lite import ocr
from canvasagent.rewards.checks._letters import drawn, inks_of, strength
from canvasagent.rewards.checks._pixels import Array

Quad = tuple[tuple[float, float], ...]
MOST = 24
"""At most so many lines are compared letter by letter, the largest first."""


@dataclass(frozen=True)
class Reading:
    """How well each reader finds a text: shares of its letters."""

    rendered: float | None
    """By rendering; None where no font here has the letters."""
    ocr: float
    """By OCR, capitals aside: 1 less the edits from the best piece of what was read."""
    exact: bool
    """Whether OCR read it with the very same letters, capitals and digits, spaces aside."""
    ocr_text: str
    """All that OCR read."""


@cache
def _engine() -> ocr.Backend:
    return ocr.Backend(ocr.Config())


@lru_cache(maxsize=32)
def _lines(data: bytes, height: int, width: int) -> tuple[tuple[str, float, Quad], ...]:
    from PIL import Image

    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    return tuple((line.text, line.score, tuple(line.quad)) for line in _engine()(image=Image.fromarray(pixels)))


def lines(pixels: Array) -> tuple[tuple[str, float, Quad], ...]:
    """What OCR reads: text, confidence and corners of each line."""
    if min(pixels.shape[:2]) < 8:
        return ()
    return _lines(np.ascontiguousarray(pixels).tobytes(), pixels.shape[0], pixels.shape[1])


def read(pixels: Array, text: str) -> Reading:
    """What both readers say of a text in a picture."""
    ocr_lines = lines(pixels)
    ocr_text = " ".join(line[0] for line in ocr_lines)
    bare, seen = _bare(text), _bare(ocr_text)
    close = max(0.0, 1 - _distance(bare.casefold(), seen.casefold()) / max(len(bare), 1))
    words = re.search(rf"(?<![^\W_]){re.escape(bare)}", seen) is not None or bare in seen
    return Reading(_rendered(pixels, text, ocr_lines), close, words and _bounded(text, ocr_text), ocr_text)


def _bounded(text: str, ocr_text: str) -> bool:
    """Whether the text stands in what was read as whole words, spaces aside."""
    pattern = r"\s*".join(re.escape(letter) for letter in _bare(text))
    plain = unicodedata.normalize("NFKC", ocr_text)
    return re.search(rf"(?<!\w){pattern}(?!\w)", plain) is not None


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _distance(needle: str, hay: str) -> int:
    """Edits from a text to the piece of another that is most like it."""
    row = [0] * (len(hay) + 1)
    for index, letter in enumerate(needle, 1):
        above, row = row, [index] + [0] * len(hay)
        for place, other in enumerate(hay, 1):
            row[place] = min(above[place] + 1, row[place - 1] + 1, above[place - 1] + (letter != other))
    return min(row)


def _rendered(pixels: Array, text: str, ocr_lines: tuple[tuple[str, float, Quad], ...]) -> float | None:
    """Share of letters found by rendering, the text in one line or its words over several lines."""
    words = text.split()
    if not words or drawn(" ".join(words), True) is None:
        return None
    inks = [run for patch in _patches(pixels, ocr_lines) for ink in inks_of(patch) for run in _runs(ink)]
    fits: dict[tuple[int, int], float] = {}

    def fit(first: int, last: int) -> float:
        if (first, last) not in fits:
            piece = " ".join(words[first:last])
            fits[first, last] = max((strength(ink, piece) for ink in inks), default=0.0)
        return fits[first, last]

    letters = [len(word) for word in words]
    best = [0.0] * (len(words) + 1)
    for last in range(1, len(words) + 1):
        starts = range(max(0, last - 6), last)
        best[last] = max(best[first] + fit(first, last) * sum(letters[first:last]) for first in starts)
    return best[-1] / sum(letters)


def _patches(pixels: Array, ocr_lines: tuple[tuple[str, float, Quad], ...]) -> list[Array]:
    """Lines turned upright: where OCR's finder saw one, and where strokes stand close together."""
    quads = [quad for _, _, quad in ocr_lines] + _stroke_quads(pixels)
    quads.sort(key=lambda quad: -math.dist(quad[0], quad[3]))
    return [patch for quad in quads[:MOST] if (patch := _upright(pixels, quad)) is not None]


def _upright(pixels: Array, quad: Quad) -> Array | None:
    """What a quad holds with a small border, at most 64 pixels high."""
    corners = np.array(quad, np.float32)
    wide, tall = float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[3] - corners[0]))
    if min(wide, tall) < 5:
        return None
    along, down = (corners[1] - corners[0]) / wide, (corners[3] - corners[0]) / tall
    border = 0.12 * tall
    grown = corners + border * np.array([-along - down, along - down, along + down, -along + down], np.float32)
    scale = min(1.0, 64 / tall) if tall > 40 else 40 / tall
    size = max(2, round((wide + 2 * border) * scale)), max(2, round((tall + 2 * border) * scale))
    goal = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    turn = cv2.getPerspectiveTransform(grown, goal)
    return np.asarray(cv2.warpPerspective(pixels, turn, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE))


def _stroke_quads(pixels: Array) -> list[Quad]:
    """Upright boxes of strokes that stand in a row: dark or light, closed along the row at two widths."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    quads: list[Quad] = []
    for tall in (0.06, 0.14):
        size = max(5, round(tall * height)) | 1
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
        for way in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
            hat = cv2.morphologyEx(grey, way, kernel)
            _, strokes = cv2.threshold(hat, 40, 255, cv2.THRESH_BINARY)
            joined = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((1, max(3, round(size * 0.7))), np.uint8))
            count, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
            for x, y, across, down, area in boxes[1:count]:
                if down >= 6 and across > 0.8 * down and area > 0.25 * across * down and across < width:
                    x, y, right, bottom = int(x) - 1, int(y) - 1, int(x + across) + 1, int(y + down) + 1
                    quads.append(((x, y), (right, y), (right, bottom), (x, bottom)))
    quads.sort(key=lambda quad: -(quad[2][0] - quad[0][0]) * (quad[2][1] - quad[0][1]))
    return quads[:MOST]


def _runs(ink: Array) -> list[Array]:
    """A line's ink, whole and as each run of its words (gaps of a fifth of its height part words)."""
    empty = ink.max(axis=0) < 0.35
    gaps: list[tuple[int, int]] = []
    start = None
    for column, free in enumerate(np.append(empty, False)):
        if free and start is None:
            start = column
        elif not free and start is not None:
            if column - start > 0.22 * ink.shape[0]:
                gaps.append((start, column))
            start = None
    firsts, lasts = [0, *(end for _, end in gaps)], [*(begin for begin, _ in gaps), ink.shape[1]]
    if len(firsts) > 7:
        return [ink]
    runs = [ink[:, first:last] for i, first in enumerate(firsts) for last in lasts[i:]]
    trimmed = []
    for run in (run for run in runs if run.shape[1] >= 3):
        rows = np.flatnonzero(run.max(axis=1) > 0.4)
        if len(rows) >= 4:
            trimmed.append(run[rows[0] : rows[-1] + 1])
    return trimmed
