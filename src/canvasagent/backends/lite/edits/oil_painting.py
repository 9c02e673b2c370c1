"""An oil painting: strokes of the most common tone around each pixel."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import REDUCED, Edit, Job, Pixels, Words, as_pixels
from canvasagent.concurrency.cancellation import check_cancelled

_TONES = 14


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Every pixel takes the mean colour of the commonest tone near it; then strokes are given some relief."""
    height, width = pixels.shape[:2]
    radius = max(2, round(min(height, width) / 512 * 6 * min(job.strength, 2.0)))
    window = (2 * radius + 1, 2 * radius + 1)
    tone = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.int32) * _TONES) // 256
    best = np.full((height, width), -1, np.float32)
    result = pixels.astype(np.float32)
    colors = pixels.astype(np.float32)
    for level in range(_TONES):
        check_cancelled()
        member = (tone == level).astype(np.float32)
        count = cv2.GaussianBlur(member, window, radius / 2.2)
        mean = cv2.GaussianBlur(colors * member[..., None], window, radius / 2.2)
        wins = count > best
        best[wins] = count[wins]
        result[wins] = mean[wins] / np.maximum(count[wins], 1e-6)[:, None]
    result = cv2.medianBlur(as_pixels(result), 3).astype(np.float32)
    grey = cv2.cvtColor(as_pixels(result), cv2.COLOR_RGB2GRAY).astype(np.float32)
    relief = cv2.filter2D(grey, -1, np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], np.float32))
    return as_pixels(result * 1.02 + 0.22 * np.clip(relief, -90, 90)[..., None])


EDIT = Edit(
    summary="oil painting",
    words=(
        Words(
            adjectives=("oil[- ]painted",),
            styles=(
                "oil[- ]?paint(?:ing|ed picture)?",
                "oil on canvas",
                "oil",
                "impasto(?: painting)?",
                "acrylic(?: painting)?",
            ),
        ),
    ),
    examples=("make it look like an oil painting", "oil painting style", "turn the photo into an oil painting"),
    apply=apply,
    working=REDUCED,
)
