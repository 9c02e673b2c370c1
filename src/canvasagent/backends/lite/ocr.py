"""OCR without downloads: the PP-OCR models inside the `rapidocr` package, on any CPU.

Lines are found once for the whole picture (the detector finds text at every angle) and read one by one from
patches turned upright. A line is read a second time, turned round, where that could be better: upside down, or on its
side for upright boxes. That costs a fraction of searching the whole picture again in every orientation, and
signs that hang different ways in one picture are all read. Latin and CJK text is read; Cyrillic, Korean,
Arabic and Hindi are not.

Source: PaddleOCR's PP-OCR as packed by RapidOCR (Apache-2.0), <https://github.com/RapidAI/RapidOCR>.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.base import TextLine
from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.imaging.geometry import Point

Array = np.ndarray[Any, Any]
Quad = tuple[Point, Point, Point, Point]


class Config(BaseModel):
    """How to read."""

    min_score: float = Field(default=0.5, ge=0, le=1)
    """Lines read with less confidence than this are left out."""
    min_score_single: float = Field(default=0.95, ge=0, le=1)
    """The same for a lone character: an eye is easily taken for an O."""
    sure_score: float = Field(default=0.9, ge=0, le=1)
    """A line read with less confidence than this is tried turned round as well."""
    max_side: int = Field(default=1600, ge=64)
    """Lines are looked for in a copy whose longer side is at most this many pixels; they are read at full size."""
    min_side: int = Field(default=480, ge=32)
    """A picture whose shorter side is below this is enlarged before lines are looked for."""
    both_ways: int = Field(default=8, ge=0)
    """Pictures with at most this many lines have each of them read upright and upside down, sure or not."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one patch says, `turn` quarter turns clockwise from upright."""

    text: str
    score: float
    quad: Quad
    turn: int


class Backend:
    """Reads text; see `Config`. One instance serves any number of threads at once."""

    tool = "OCR"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._engines: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["config"])  # type: ignore[misc]

    def __call__(self, *, image: Image.Image) -> list[TextLine]:
        """The lines of text of `image` (RGB or RGBA), in reading order; an empty list where there are none."""
        pixels = on_ground(image)
        finder, reader = self._loaded()
        quads = _find_lines(finder, pixels, self.config)

        def read(quad: Quad, turn: int) -> _Reading:
            check_cancelled()
            turned: Quad = (*quad[turn:], *quad[:turn])  # type: ignore[assignment]
            result = reader(_patch(pixels, turned))
            text, score = (result.txts[0], float(result.scores[0])) if result.txts else ("", 0.0)
            return _Reading(text.strip(), score if text.strip() else 0.0, turned, turn)

        every_way = len(quads) <= self.config.both_ways
        readings = [_read_line(quad, read, self.config.sure_score, every_way) for quad in quads]
        readings = _agree(list(zip(quads, readings, strict=True)), read)
        least = (self.config.min_score, max(self.config.min_score, self.config.min_score_single))
        kept = [reading for reading in readings if reading.score >= least[len(reading.text) < 2]]
        return [TextLine(item.text, min(item.score, 1.0), item.quad) for item in _reading_order(kept)]

    def _loaded(self) -> tuple[Any, Any]:
        """The line finder and the line reader, built at the first call: it takes a second or so."""
        with self._lock:
            if self._engines is None:
                self._engines = _build_engines()
            return self._engines


def _build_engines() -> tuple[Any, Any]:
    os.environ.setdefault(
        "ORT_DISABLE_TELEMETRY", "1"
    )  # before onnxruntime is imported, or it writes to the home folder
    from rapidocr import RapidOCR

    common = {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        # sizes are settled here, not there
        "Global.min_side_len": 1,
        "Global.max_side_len": 1_000_000,
        "Global.min_height": 0,
        "Global.width_height_ratio": -1,
        "Det.limit_type": "max",
        "Det.limit_side_len": 1_000_000,
        # one thread a call: the order of additions, hence every bit of the result, is the same each time,
        # and calls from several threads share the cores
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    finder = RapidOCR(params={**common, "Global.use_rec": False})
    reader = RapidOCR(params={**common, "Global.use_det": False})
    return finder, reader


def on_ground(image: Image.Image) -> Array:
    """The colours as (height, width, 3) BGR, transparent parts laid on whichever of white and black contrasts more."""
    pixels = np.asarray(image.convert("RGBA" if "A" in image.getbands() else "RGB"))
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        luminance = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        mean = float((luminance * alpha[..., 0]).sum() / max(float(alpha.sum()), 1e-6))
        ground = 255.0 if mean < 128 else 0.0
        pixels = np.rint(pixels[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(pixels[..., ::-1])


def _find_lines(finder: Any, pixels: Array, config: Config) -> list[Quad]:
    """Four corners for each line of text, clockwise from the corner nearest to the picture's top left."""
    height, width = pixels.shape[:2]
    scale = max(1.0, config.min_side / min(height, width))
    scale = min(scale, config.max_side / max(height, width), 4.0)
    work = pixels
    if scale != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        work = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    ratio = (width / work.shape[1], height / work.shape[0])
    # whole cells of the network's 32 px, with room round text that touches the edge
    margin = 32
    bottom, right = (margin + (-side) % 32 for side in work.shape[:2])
    work = cv2.copyMakeBorder(work, margin, bottom, margin, right, cv2.BORDER_REPLICATE)
    result = finder(work)
    boxes: Any = [] if result.boxes is None else np.asarray(result.boxes, dtype=np.float64) - margin
    return [_clamped([(x * ratio[0], y * ratio[1]) for x, y in box], width, height) for box in boxes]


def _clamped(points: Sequence[Point], width: int, height: int) -> Quad:
    inside = [(float(min(max(x, 0), width)), float(min(max(y, 0), height))) for x, y in points]
    return inside[0], inside[1], inside[2], inside[3]


def _sides(quad: Quad) -> tuple[float, float]:
    """Width and height of a quad, along its own edges."""
    return (
        max(math.dist(quad[0], quad[1]), math.dist(quad[3], quad[2])),
        max(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2])),
    )


def _patch(pixels: Array, quad: Quad) -> Array:
    """The part of the picture inside `quad`, upright, its first corner at the top left; at most 96 pixels high."""
    width, height = _sides(quad)
    shrink = min(1.0, 96 / max(height, 1.0))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    corners = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    left, top = (math.floor(min(point[axis] for point in quad)) for axis in (0, 1))
    right, bottom = (math.ceil(max(point[axis] for point in quad)) + 1 for axis in (0, 1))
    part = pixels[top:bottom, left:right]
    transform = cv2.getPerspectiveTransform(np.array(quad, np.float32) - np.array([left, top], np.float32), corners)
    if shrink < 0.5:  # blur first, so that shrinking by warping does not break thin strokes
        part = cv2.GaussianBlur(part, (0, 0), 0.4 / shrink)
    return np.asarray(
        cv2.warpPerspective(part, transform, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def _read_line(quad: Quad, read: Callable[[Quad, int], _Reading], sure: float, every_way: bool) -> _Reading:
    """The best reading of a line, upright where nothing else is clearly better."""
    width, height = _sides(quad)
    tall = height > 1.5 * width
    readings = [read(quad, turn) for turn in ((1, 3) if tall else (0,))]
    if not tall and (every_way or readings[0].score < sure):
        readings.append(read(quad, 2))
    best = max(readings, key=_worth)
    if (best.score < sure or len(best.text) < 2) and (tall or height > 0.67 * width):  # an upright I is tall as well
        readings += [read(quad, turn) for turn in ((0, 2) if tall else (1, 3))]
    return max(readings, key=_worth)


def _worth(reading: _Reading) -> float:
    """Confidence, less a little for each way of not being upright; a lone sign says little about how it stands."""
    if reading.turn and len(reading.text) < 3:
        return reading.score - (0.3 if len(reading.text) < 2 else 0.1)
    return reading.score - (0.0, 0.02, 0.03, 0.02)[reading.turn]


def _agree(lines: list[tuple[Quad, _Reading]], read: Callable[[Quad, int], _Reading]) -> list[_Reading]:
    """Let words that read both ways (SOS, NO/ON) stand as most of the text in the picture stands."""
    votes: Counter[int] = Counter()
    for _, reading in lines:
        votes[reading.turn] += len(reading.text) if reading.score > 0.8 else 0
    if not votes or len(votes) == 1:
        return [reading for _, reading in lines]
    common = votes.most_common(1)[0][0]
    agreed = []
    for quad, reading in lines:
        if reading.turn != common and (reading.turn - common) % 2 == 0:
            other = read(quad, common)
            reading = other if other.score > reading.score - 0.05 else reading
        agreed.append(reading)
    return agreed


def _reading_order(readings: list[_Reading]) -> list[_Reading]:
    """Row by row as the text stands, each row from its start to its end, pieces of one line joined."""
    if not readings:
        return []
    turn = Counter(reading.turn for reading in readings).most_common(1)[0][0]
    back = ((1, 1), (1, -1), (-1, -1), (-1, 1))[turn]

    def place(reading: _Reading) -> tuple[float, float]:
        """Where the line's middle is, along and across the common direction of reading."""
        x, y = (sum(point[axis] for point in reading.quad) / 4 for axis in (0, 1))
        along, across = (x, y) if turn % 2 == 0 else (y, x)
        return along * back[0], across * back[1]

    rows: list[list[_Reading]] = []
    for reading in sorted(readings, key=lambda item: (place(item)[1], place(item)[0])):
        across = place(reading)[1]
        if rows and across - place(rows[-1][0])[1] < 0.5 * min(_sides(reading.quad)[1], _sides(rows[-1][0].quad)[1]):
            rows[-1].append(reading)
        else:
            rows.append([reading])
    ordered: list[_Reading] = []
    for row in rows:
        first = len(ordered)
        for reading in sorted(row, key=place):
            if len(ordered) > first and _continues(ordered[-1], reading):
                ordered[-1] = _joined(ordered[-1], reading)
            else:
                ordered.append(reading)
    return ordered


def _continues(one: _Reading, other: _Reading) -> bool:
    """Whether `other` is the rest of the line that `one` begins: the finder sometimes cuts between words."""
    height, other_height = _sides(one.quad)[1], _sides(other.quad)[1]
    if one.turn != other.turn or not 0.7 < height / max(other_height, 1.0) < 1.43:
        return False
    (x1, y1), (x2, y2) = one.quad[1], other.quad[0]
    along = np.subtract(one.quad[1], one.quad[0]) / max(math.dist(one.quad[0], one.quad[1]), 1.0)
    gap = (x2 - x1) * along[0] + (y2 - y1) * along[1]
    offset = (y2 - y1) * along[0] - (x2 - x1) * along[1]
    return bool(-0.6 * height < gap < 0.25 * height and abs(offset) < 0.35 * height)


def _joined(one: _Reading, other: _Reading) -> _Reading:
    letters = len(one.text), len(other.text)
    score = (one.score * letters[0] + other.score * letters[1]) / sum(letters)
    quad = (one.quad[0], other.quad[1], other.quad[2], one.quad[3])
    return _Reading(f"{one.text} {other.text}", score, quad, one.turn)
