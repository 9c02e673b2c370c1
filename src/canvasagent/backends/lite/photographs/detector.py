"""Things of 80 kinds (COCO) in a photograph: SSD on MobileNetV2, looked at twice, the second time mirrored.

W. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; M. Sandler et al., "MobileNetV2", CVPR 2018. What
only one of the two looks finds keeps half its score: a helmet is a "mouse" in one of them, a person is one in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.photographs import networks
from canvasagent.english.lexicon import lexicon
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]

SIDE = 300
"""Side in pixels of the square copy that the network takes."""
LEAST = 0.52
"""Score from which a thing counts as found. On the labelled photographs 0.45 finds 3 more of 112 and 10 wrong ones,
0.6 misses 8 more and avoids 3 wrong ones (benchmarks/photographs.py)."""
WEAK = 0.1
"""Score from which one look may agree with the other."""
SAME = 0.5
"""Intersection over union from which two boxes of a kind are of the same thing."""
PLACE = 0.7
"""The same from which two boxes of different kinds are of one thing, whose kind is that of the surer one."""


@dataclass(frozen=True)
class PhotographedThing:
    """A thing found in a photograph."""

    name: str
    """Its kind, a key of the lexicon's `photographed`."""
    box: PixelBox
    score: float


def find_things(pixels: Array, least: float = LEAST) -> list[PhotographedThing]:
    """The things in (height, width, 3) uint8 RGB `pixels`, the surest first. The last few pictures are remembered.

    Raises `WeightsError` where the network is missing or damaged.
    """
    return in_pixels(_things(networks.detector(), square(pixels, SIDE).tobytes()), pixels, least)


def square(pixels: Array, side: int) -> Array:
    """(height, width, 3) `pixels` as the square copy of `side` pixels that a network takes."""
    way = cv2.INTER_AREA if min(pixels.shape[:2]) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=way))


def in_pixels(found: Iterable[tuple[str, PixelBox, float]], pixels: Array, least: float) -> list[PhotographedThing]:
    """What was found with at least that score, its boxes from shares of the picture to its pixels."""
    height, width = pixels.shape[:2]
    return [
        PhotographedThing(name, (box[0] * width, box[1] * height, box[2] * width, box[3] * height), score)
        for name, box, score in found
        if score >= least
    ]


@cache
def kinds() -> dict[int, str]:
    """From the network's number of a kind to its name."""
    return {entry["id"]: name for name, entry in lexicon()["photographed"].items()}


@lru_cache(maxsize=16)
def _things(network: networks.Network, data: bytes) -> tuple[tuple[str, PixelBox, float], ...]:
    """Kind, box in shares of the picture, score; what two looks agree on, the surest first."""
    small = np.frombuffer(data, np.uint8).reshape(SIDE, SIDE, 3)
    blob = cv2.dnn.blobFromImages([small, np.ascontiguousarray(small[:, ::-1])], 1.0, (SIDE, SIDE))
    (rows,) = network.run(blob, network.net.getUnconnectedOutLayersNames())
    looks: tuple[list[tuple[str, PixelBox, float]], ...] = ([], [])
    for image, kind, score, left, top, right, bottom in rows.reshape(-1, 7).tolist():
        if score >= WEAK and int(kind) in kinds():
            across = (left, right) if image == 0 else (1 - right, 1 - left)
            edges = (max(across[0], 0.0), max(top, 0.0), min(across[1], 1.0), min(bottom, 1.0))
            if edges[0] < edges[2] and edges[1] < edges[3]:
                looks[int(image)].append((kinds()[int(kind)], edges, score))
    kept: list[tuple[str, PixelBox, float]] = []
    for item in sorted(_agreed(*looks), key=lambda item: (-item[2], item[0], item[1])):
        if all(overlap(item[1], other[1]) <= PLACE for other in kept):
            kept.append(item)
    return tuple(kept)


def _agreed(
    first: list[tuple[str, PixelBox, float]], second: list[tuple[str, PixelBox, float]]
) -> list[tuple[str, PixelBox, float]]:
    """Both looks as one: the mean of score and box where they agree, half the score where they do not."""
    left, found = list(second), []
    for name, box, score in first:
        match = max((item for item in left if item[0] == name), key=lambda item: overlap(item[1], box), default=None)
        if match is None or overlap(match[1], box) < SAME:
            found.append((name, box, round(score / 2, 4)))
            continue
        left.remove(match)
        share = score / (score + match[2])
        mean = tuple(share * one + (1 - share) * other for one, other in zip(box, match[1], strict=True))
        found.append((name, (mean[0], mean[1], mean[2], mean[3]), round((score + match[2]) / 2, 4)))
    return found + [(name, box, round(score / 2, 4)) for name, box, score in left]
