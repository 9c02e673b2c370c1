"""Grounding: Grounding DINO by transformers.

A request may name several things ("a cup, the red chair"). Every box gets the label whose tokens score highest, and
duplicate boxes of a label are dropped.

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
from canvasagent.backends.full._loading import CALLS, Loading, missing_requirements
from canvasagent.backends.full._vision import Loaded, use
from canvasagent.concurrency.batching import MicroBatcher
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.masks import opaque
from canvasagent.tools.grounding import EVERYTHING
from canvasagent.weights.framework import framework

KINDS = {"grounding-dino": "GroundingDinoForObjectDetection"}
MAX_TOKENS = 256
Array = np.ndarray[Any, Any]


class Config(Loading):
    """The model, and the thresholds of its detections."""

    source: str = "IDEA-Research/grounding-dino-base"
    """Grounding DINO; IDEA-Research/grounding-dino-tiny is smaller."""
    threshold: float = Field(default=0.3, ge=0, le=1)
    """The least confidence of a box."""
    text_threshold: float = Field(default=0.25, ge=0, le=1)
    """The least token score of a phrase for a box to get its label."""
    overlap: float = Field(default=0.7, gt=0, le=1)
    """Of two boxes of one label that overlap by more than this (intersection over union), the better one is kept."""
    most: int = Field(default=100, ge=1)
    """Most boxes to return."""


@dataclass(frozen=True)
class _Request:
    """One call: a picture and what to find in it."""

    picture: Image.Image
    phrases: tuple[str, ...]

    @property
    def text(self) -> str:
        """The phrases in the model's input format: lower case, each ended by a full stop."""
        return " ".join(f"{phrase.lower()} ." for phrase in self.phrases)


class Backend:
    """Finds objects by phrases; concurrent calls on pictures of one size share a batch."""

    tool = "Grounding"
    version = "2"
    stochastic = False
    may_hang = False
    waits = CALLS

    def __init__(self, config: Config) -> None:
        self.config = config
        self._batcher: MicroBatcher[_Request, list[Detection]] = MicroBatcher(
            self._find, config.batch, config.batch_wait
        )

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What is missing on this machine for this backend, each with how to get it."""
        return missing_requirements(config, "transformers")

    def __call__(self, *, image: Image.Image, phrase: str) -> list[Detection]:
        """The objects that `phrase` names, best first; empty if no score reaches the threshold.

        `everything` means the 80 kinds of things that common detectors know.
        """
        phrases = common_things() if phrase.strip().lower() == EVERYTHING else phrases_in(phrase)
        if not phrases:
            raise ToolRefusal(f"'{phrase}' holds no word to look for; name the thing.")
        return self._batcher(_Request(opaque(image), phrases), image.size)

    def _find(self, requests: Sequence[_Request]) -> list[list[Detection]]:
        def work(loaded: Loaded, level: int) -> list[list[Detection]]:
            size = max(1, len(requests) >> (2 * level))
            parts = [requests[start : start + size] for start in range(0, len(requests), size)]
            return [detections for part in parts for detections in self._batch(loaded, part)]

        return use(self.config, KINDS, work, 1, "a search", _processor)

    def _batch(self, loaded: Loaded, requests: Sequence[_Request]) -> list[list[Detection]]:
        processor = loaded.beside
        texts = [request.text for request in requests]
        tokens = processor.tokenizer(texts, return_offsets_mapping=True)
        if any(len(ids) > min(MAX_TOKENS, loaded.model.config.max_text_len) for ids in tokens["input_ids"]):
            raise ToolRefusal("the request is too long to look for; name the thing in a few words.")
        inputs = processor(
            images=[request.picture for request in requests], text=texts, padding=True, return_tensors="pt"
        )
        inputs = inputs.to(loaded.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(loaded.dtype)
        output = loaded.model(**inputs)
        token_scores = framework().sigmoid(output.logits.float()).cpu().numpy()
        boxes = output.pred_boxes.float().cpu().numpy()
        return [
            self._detections(request, token_scores[index], boxes[index], tokens["offset_mapping"][index])
            for index, request in enumerate(requests)
        ]

    def _detections(
        self, request: _Request, token_scores: Array, boxes: Array, offsets: Sequence[tuple[int, int]]
    ) -> list[Detection]:
        """`token_scores` has the shape (boxes, tokens); `boxes` are centre and size, from 0 to 1."""
        scores = np.stack([_phrase_scores(span, token_scores, offsets) for span in _spans(request.phrases)], axis=1)
        best = scores.argmax(axis=1)
        detections = []
        for index in np.argsort(-scores.max(axis=1), kind="stable"):
            score = float(scores[index, best[index]])
            if score <= max(self.config.threshold, self.config.text_threshold):
                break
            box = _corners(boxes[index], request.picture.size)
            if box[2] > box[0] and box[3] > box[1]:
                detections.append(Detection(request.phrases[best[index]], box, min(score, 1.0)))
        return non_maximum_suppression(detections, self.config.overlap)[: self.config.most]


def common_things() -> tuple[str, ...]:
    """The names of 80 kinds of things, as many as the model takes at once."""
    return tuple(lexicon()["photographed"])


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


def _phrase_scores(span: tuple[int, int], token_scores: Array, offsets: Sequence[tuple[int, int]]) -> Array:
    """The score of a phrase for each box: the highest of its tokens."""
    own = [index for index, (start, end) in enumerate(offsets) if end > start and span[0] <= start and end <= span[1]]
    own = [index for index in own if index < token_scores.shape[1]]
    return np.asarray(token_scores[:, own].max(axis=1)) if own else np.zeros(len(token_scores), np.float32)


def _corners(box: Array, size: Size) -> tuple[float, float, float, float]:
    """Centre and size, 0 to 1, as corners in pixels inside of the picture."""
    x, y, width, height = (float(value) for value in box)
    left, right = sorted(min(max((x + side * width / 2) * size[0], 0.0), size[0]) for side in (-1, 1))
    top, bottom = sorted(min(max((y + side * height / 2) * size[1], 0.0), size[1]) for side in (-1, 1))
    return left, top, right, bottom


def non_maximum_suppression(detections: Sequence[Detection], overlap: float) -> list[Detection]:
    """`detections`, best first, without those that overlap a better one of the same label by more than `overlap`."""
    kept: list[Detection] = []
    for item in detections:
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
