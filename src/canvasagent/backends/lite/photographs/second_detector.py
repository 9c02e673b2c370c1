"""A second detector of the 80 kinds (COCO) of things in a photograph, for checks: NanoDet-g. No tool uses it.

R. Lyu, NanoDet, https://github.com/RangiLyu/nanodet: anchor-free; each side of a box is a distribution over distances
(X. Li et al., "Generalized Focal Loss", NeurIPS 2020).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.detector import PhotographedThing, in_pixels, kinds, square
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]

SIDE = 416
"""Side in pixels of the square copy that the network takes."""
LEAST = 0.6
"""Score from which a thing counts as found: of 84 labelled photographs it is then imagined in 3 where it is not
(benchmarks/second_detector.py)."""
WEAK = 0.1
"""Score from which a thing is reported at all."""
SAME = 0.6
"""Intersection over union from which two boxes of a kind are of one thing."""
_MEAN = np.array((103.53, 116.28, 123.675), np.float32)
_DEVIATION = np.array((57.375, 57.12, 58.395), np.float32)


def find_things_again(pixels: Array, least: float = LEAST) -> list[PhotographedThing]:
    """The things in (height, width, 3) uint8 RGB `pixels`, the surest first. The last few pictures are remembered.

    Raises `WeightsError` where the network is missing or damaged.
    """
    return in_pixels(_things(networks.second_detector(), square(pixels, SIDE).tobytes()), pixels, least)


@lru_cache(maxsize=16)
def _things(session: Any, data: bytes) -> tuple[tuple[str, PixelBox, float], ...]:
    """Kind, box in shares of the picture, score; the surest first, each thing once."""
    small = np.frombuffer(data, np.uint8).reshape(SIDE, SIDE, 3)
    blue_first = (small[:, :, ::-1].astype(np.float32) - _MEAN) / _DEVIATION
    blob = np.ascontiguousarray(blue_first.transpose(2, 0, 1)[None])
    outputs = session.run(None, {session.get_inputs()[0].name: blob})
    levels = len(outputs) // 2  # scores of each level, then its distances
    scores = np.concatenate([values[0] for values in outputs[:levels]])
    boxes = np.concatenate([_boxes(values[0]) for values in outputs[levels:]])
    names = [kinds()[number] for number in sorted(kinds())]
    places, numbers = np.nonzero(scores >= WEAK)
    order = np.argsort(-scores[places, numbers], kind="stable")
    kept: list[tuple[str, PixelBox, float]] = []
    for place, number in zip(places[order], numbers[order], strict=True):
        left, top, right, bottom = (float(edge) for edge in np.clip(boxes[place], 0, 1))
        box = left, top, right, bottom
        if (
            left < right
            and top < bottom
            and all(names[number] != one or overlap(box, other) < SAME for one, other, _ in kept)
        ):
            kept.append((names[number], box, round(float(scores[place, number]), 4)))
    return tuple(kept)


def _boxes(distances: Array) -> Array:
    """(places, 4 × bins) logits of one level as (places, 4) edges, in shares of the picture: the mean distance of each
    side from the middle of a place, in places.
    """
    across = round(len(distances) ** 0.5)
    bins = distances.reshape(len(distances), 4, -1)
    weights = np.exp(bins - bins.max(axis=2, keepdims=True))
    left, top, right, bottom = (weights @ np.arange(bins.shape[2]) / weights.sum(axis=2)).T
    y, x = np.stack(np.divmod(np.arange(len(distances)), across)) + 0.5
    return np.asarray(np.stack((x - left, y - top, x + right, y + bottom), axis=1) / across)
