"""A poster of few colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels
from canvasagent.backends.lite.tiling import SIDE, in_tiles, tiles


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Quantise to a few colours of the picture's own (k-means in Lab, seeded), after smoothing."""
    height, width = pixels.shape[:2]
    if height * width < 16:
        return pixels
    count = int(np.clip(round(9 / max(job.strength, 0.3)), 4, 16))
    smooth = in_tiles(pixels, lambda part: np.asarray(cv2.bilateralFilter(cv2.medianBlur(part, 3), 7, 40, 7)), margin=4)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    small = cv2.resize(lab, (min(width, 96), min(height, 96)), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    cv2.setRNGSeed(job.seed & 0x7FFFFFFF)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    count = min(count, len(small))
    _, _, centers = cv2.kmeans(small, count, np.empty(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)
    centers = centers.astype(np.float32)
    colors = centers * np.array([1, 1.2, 1.2], np.float32)
    colors = as_pixels(np.clip(cv2.cvtColor(colors[None], cv2.COLOR_LAB2RGB)[0], 0, 1) * 255)

    def nearest(part: NDArray[np.float32]) -> NDArray[np.uint8]:
        away = np.stack([((part - center) ** 2).sum(axis=2) for center in centers])
        return np.asarray(away.argmin(axis=0).astype(np.uint8))

    result = np.empty_like(pixels)
    for kept, _ in tiles(height, width, SIDE, margin=0):
        result[kept] = colors[nearest(lab[kept])]
    return result


EDIT = Edit(
    summary="few flat colours",
    words=(
        Words(
            adjectives=("posteri[sz]ed",),
            verbs=("posteri[sz]e",),
            things=("posteri[sz]ation", "posteri[sz]e"),
            styles=("pop[- ]art", "screen ?print", "vector (?:art|graphic|illustration)", "flat illustration"),
        ),
    ),
    examples=("posterize the image", "pop art style", "apply posterization"),
    apply=apply,
)
