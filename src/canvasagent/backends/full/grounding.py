"""Grounding: Grounding DINO by transformers.

A request may name several things ("a cup, the red chair"); every box is given to the one of them whose words
light up most, and boxes that mean the same thing twice are dropped.

Source: S. Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", 2023.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.backends.base import Detection
from canvasagent.backends.full._loading import CALLS, Loading, framework, missing_requirements
from canvasagent.backends.full._vision import Loaded, use
from canvasagent.concurrency.batching import MicroBatcher
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.masks import opaque

KINDS = {"grounding-dino": "GroundingDinoForObjectDetection"}
MAX_TOKENS = 256
Array = np.ndarray[Any, Any]


class Config(Loading):
    """What counts as found."""

    source: str = "IDEA-Research/grounding-dino-base"
    """Grounding DINO; IDEA-Research/grounding-dino-tiny is smaller."""
    threshold: float = Field(default=0.3, ge=0, le=1)
    """The least confidence of a box."""
    text_threshold: float = Field(default=0.25, ge=0, le=1)
    """How much the words of a phrase must light up for a box to be given to it."""
    overlap: float = Field(default=0.7, gt=0, le=1)
    """Of two boxes for one phrase that overlap by more than this (intersection over union) the better is kept."""
    most: int = Field(default=100, ge=1)
    """Boxes that are given at most."""


@dataclass(frozen=True)
class _Ask:
    """One search."""

    picture: Image.Image
    phrases: tuple[str, ...]

    @property
    def text(self) -> str:
        """The phrases as the model wants them: lower case, each ended by a full stop."""
        return " ".join(f"{phrase.lower()} ." for phrase in self.phrases)


class Backend:
    """Finds what phrases say; calls on pictures of one size that come together are one batch."""

    tool = "Grounding"
    version = "1"
    stochastic = False
    may_hang = False
    waits = CALLS

    def __init__(self, config: Config) -> None:
        self.config = config
        self._batcher: MicroBatcher[_Ask, list[Detection]] = MicroBatcher(self._find, config.batch, config.batch_wait)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What this machine lacks for it."""
        return missing_requirements(config, "transformers")

    def __call__(self, *, image: Image.Image, phrase: str) -> list[Detection]:
        """What `phrase` says, best first; empty where nothing is sure enough."""
        phrases = phrases_in(phrase)
        if not phrases:
            raise ToolRefusal(f"'{phrase}' holds no word to look for; name the thing.")
        return self._batcher(_Ask(opaque(image), phrases), image.size)

    def _find(self, asks: Sequence[_Ask]) -> list[list[Detection]]:
        def work(loaded: Loaded, level: int) -> list[list[Detection]]:
            size = max(1, len(asks) >> (2 * level))
            parts = [asks[start : start + size] for start in range(0, len(asks), size)]
            return [found for part in parts for found in self._batch(loaded, part)]

        return use(self.config, KINDS, work, 1, "a search", _processor)

    def _batch(self, loaded: Loaded, asks: Sequence[_Ask]) -> list[list[Detection]]:
        processor = loaded.beside
        texts = [ask.text for ask in asks]
        tokens = processor.tokenizer(texts, return_offsets_mapping=True)
        if any(len(ids) > min(MAX_TOKENS, loaded.model.config.max_text_len) for ids in tokens["input_ids"]):
            raise ToolRefusal("the request is too long to look for; name the thing in a few words.")
        given = processor(images=[ask.picture for ask in asks], text=texts, padding=True, return_tensors="pt")
        given = given.to(loaded.device)
        given["pixel_values"] = given["pixel_values"].to(loaded.dtype)
        told = loaded.model(**given)
        heat = framework().sigmoid(told.logits.float()).cpu().numpy()
        boxes = told.pred_boxes.float().cpu().numpy()
        return [
            self._detections(ask, heat[index], boxes[index], tokens["offset_mapping"][index])
            for index, ask in enumerate(asks)
        ]

    def _detections(self, ask: _Ask, heat: Array, boxes: Array, offsets: Sequence[tuple[int, int]]) -> list[Detection]:
        """`heat` (boxes, tokens) is how much each word belongs to each box; `boxes` are centre and size, 0 to 1."""
        scores = np.stack([_heat_of(span, heat, offsets) for span in _spans(ask.phrases)], axis=1)
        best = scores.argmax(axis=1)
        found = []
        for index in np.argsort(-scores.max(axis=1), kind="stable"):
            score = float(scores[index, best[index]])
            if score <= max(self.config.threshold, self.config.text_threshold):
                break
            box = _corners(boxes[index], ask.picture.size)
            if box[2] > box[0] and box[3] > box[1]:
                found.append(Detection(ask.phrases[best[index]], box, min(score, 1.0)))
        return without_doubles(found, self.config.overlap)[: self.config.most]


def phrases_in(text: str) -> tuple[str, ...]:
    """The things that a request names, at commas, semicolons, full stops and line breaks, each once."""
    parts = (" ".join(part.split()) for part in re.split(r"[,;.\n]", text))
    return tuple(dict.fromkeys(part for part in parts if re.search(r"\w", part)))


def _spans(phrases: Sequence[str]) -> list[tuple[int, int]]:
    """Where each phrase stands in the text that the model reads."""
    spans, start = [], 0
    for phrase in phrases:
        length = len(phrase.lower())
        spans.append((start, start + length))
        start += length + len(" . ")
    return spans


def _heat_of(span: tuple[int, int], heat: Array, offsets: Sequence[tuple[int, int]]) -> Array:
    """How much the words of a phrase light up for each box: the most of any word's."""
    own = [index for index, (start, end) in enumerate(offsets) if end > start and span[0] <= start and end <= span[1]]
    own = [index for index in own if index < heat.shape[1]]
    return np.asarray(heat[:, own].max(axis=1)) if own else np.zeros(len(heat), np.float32)


def _corners(box: Array, size: Size) -> tuple[float, float, float, float]:
    """Centre and size, 0 to 1, as corners in pixels inside of the picture."""
    x, y, width, height = (float(value) for value in box)
    left, right = sorted(min(max((x + side * width / 2) * size[0], 0.0), size[0]) for side in (-1, 1))
    top, bottom = sorted(min(max((y + side * height / 2) * size[1], 0.0), size[1]) for side in (-1, 1))
    return left, top, right, bottom


def without_doubles(found: Sequence[Detection], overlap: float) -> list[Detection]:
    """Non-maximum suppression: of detections of one label, best first, those that overlap a better one go."""
    kept: list[Detection] = []
    for item in found:
        if all(item.label != other.label or _overlap(item, other) <= overlap for other in kept):
            kept.append(item)
    return kept


def _overlap(one: Detection, other: Detection) -> float:
    """Intersection over union."""
    a, b = one.box, other.box
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return across * down / (areas - across * down)


def _processor(folder: Path) -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(folder, local_files_only=True)
