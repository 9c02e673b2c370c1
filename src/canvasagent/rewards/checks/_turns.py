"""Which of the eight ways of turning and mirroring an input shows best in a final picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from canvasagent.rewards.checks._pixels import Array, ncc, resized

SIDE = 96
"""Pictures are compared as squares of this side in pixels: how they were cropped or scaled matters little."""


def detail(grey: Array) -> Array:
    """Luminance as a `SIDE`² square with its slow changes (a vignette, a sky) taken out."""
    small = resized(grey, SIDE, SIDE).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2) - 0.8 * cv2.GaussianBlur(small, (0, 0), 12))


def likeness(one: Array, other: Array) -> float:
    """How well two details agree where they overlap best, −1 to 1; shifts of up to a tenth of the side are allowed."""
    plain = ncc(one, other)
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE)).astype(np.float32)
    (dx, dy), _ = cv2.phaseCorrelate(one.astype(np.float64), other.astype(np.float64), window.astype(np.float64))
    if max(abs(dx), abs(dy)) > SIDE / 10 or max(abs(dx), abs(dy)) < 0.5:
        return plain
    x, y = round(dx), round(dy)
    a = one[max(0, -y) : SIDE - max(0, y), max(0, -x) : SIDE - max(0, x)]
    b = other[max(0, y) : SIDE - max(0, -y), max(0, x) : SIDE - max(0, -x)]
    return max(plain, ncc(a, b))


def ways(source: Array, final: Array) -> dict[tuple[int, bool], float]:
    """(degrees clockwise, mirrored left to right before the turn) → likeness of the input so turned and the final."""
    shown = detail(final)
    scores = {}
    for mirrored in (False, True):
        base = source[:, ::-1] if mirrored else source
        for quarter in range(4):
            scores[quarter * 90, mirrored] = likeness(detail(np.ascontiguousarray(np.rot90(base, -quarter))), shown)
    return scores


def holds(
    scores: dict[tuple[int, bool], float], wanted: Sequence[tuple[int, bool]]
) -> tuple[bool | None, float, float]:
    """Whether one of the wanted ways is the best, by how much it is alike, and the best of the others.

    The wanted way must be alike by 0.25. Where another is alike as well, but for 0.02, nobody can tell (None): the
    picture looks the same both ways.
    """
    mine = max(scores[way] for way in wanted)
    rest = max(value for way, value in scores.items() if way not in wanted)
    if mine >= 0.25 and abs(mine - rest) < 0.02:
        return None, mine, rest
    return mine >= 0.25 and mine > rest, mine, rest
