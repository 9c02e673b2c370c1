"""Frontal faces without weights to download: the Haar cascades that come with OpenCV.

Source: P. Viola, M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001.
Upright faces that look at the camera, of some 24 pixels or more; no profiles, no animals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from canvasagent.imaging.geometry import PixelBox

Array = np.ndarray[Any, Any]

TO_CHIN = 1.15
"""The cascades' boxes end at the mouth's lower lip; this much of their height reaches below the chin."""


def find_faces(pixels: Array, min_side: int = 24, max_side: int = 1024) -> list[tuple[PixelBox, float]]:
    """The frontal faces in (height, width, 3) uint8 RGB `pixels`, each with a confidence, the surest first.

    One cascade finds them; the confidence is 0.7, and up to 0.98 as far as a second cascade agrees.
    Faces smaller than `min_side` pixels are not looked for; pictures longer than `max_side` are shrunk first.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(
            grey, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
        )
    if min(grey.shape) < min_side:
        return []
    first = _detect("haarcascade_frontalface_alt2.xml", grey, min_side)
    second = _detect("haarcascade_frontalface_default.xml", grey, min_side) if first else []
    found = []
    for box, _ in first:
        agreed = max((other_weight for other, other_weight in second if _overlap(box, other) > 0.4), default=0.0)
        x, y, w, h = (side / scale for side in box)
        found.append(
            ((x, y, min(x + w, width), min(y + h * TO_CHIN, height)), 0.7 + 0.28 * min(max(agreed, 0.0) / 6, 1.0))
        )
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _detect(cascade: str, grey: Array, min_side: int) -> list[tuple[tuple[int, int, int, int], float]]:
    """Boxes (x, y, width, height) and the cascade's weights. A classifier for every call: they have state."""
    classifier = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / cascade))
    boxes, _, weights = classifier.detectMultiScale3(
        grey, scaleFactor=1.1, minNeighbors=4, minSize=(min_side, min_side), outputRejectLevels=True
    )
    return [(tuple(int(v) for v in box), float(weight)) for box, weight in zip(boxes, np.ravel(weights), strict=True)]  # type: ignore[misc]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Intersection over union of two (x, y, width, height) boxes."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
