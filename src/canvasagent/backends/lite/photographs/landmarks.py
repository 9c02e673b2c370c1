"""Faces in a photograph, each made sure of by 468 points on it; where eyes, nose and mouth are, and how it is turned.

Y. Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", CVPR workshops 2019.
Cascades say where faces may be, and the network of points whether they are: on walls, cats and coins it says no.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from canvasagent.backends.lite.faces import find_faces
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.detector import find_things
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]

SIDE = 192
"""Side in pixels of the square that the network takes."""
ROOM = 1.5
"""Side of that square in multiples of a face's box."""
IS_FACE = 0.5
"""Probability from which a place of the strict cascades is a face."""
IS_FACE_BY_ITSELF = 0.9
"""The same for a place that only the lax cascades gave, where a found person's head is: two looks must both say so."""
HEAD_SIDE = (224, 512)
"""Least and largest width in pixels of the copy of a head's place in which the lax cascades look."""
_LAX = (
    ("haarcascade_frontalface_alt2.xml", False),
    ("haarcascade_frontalface_default.xml", False),
    ("haarcascade_profileface.xml", False),
    ("haarcascade_profileface.xml", True),
)
"""Cascades that give further places, and whether they look at the mirrored picture."""

_EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
_MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327, 48, 278, 64, 294)


@dataclass(frozen=True, eq=False)
class Face:
    """A face, made sure of."""

    score: float
    """How sure, 0 to 1."""
    points: Array = field(repr=False)
    """(468, 2) float64 pixels, in MediaPipe's order."""

    @property
    def box(self) -> PixelBox:
        """From the brow to the chin."""
        return _bounds(self.points, 0.0)

    @property
    def roll(self) -> float:
        """Degrees by which the head is tilted, clockwise positive: 0 where the eyes are level."""
        first, second = (self.points[list(eye)].mean(axis=0) for eye in _EYES)
        across, down = second - first
        return math.degrees(math.atan2(down, across))

    def parts(self, name: str) -> list[PixelBox]:
        """The boxes of `eye` (two), `mouth` or `nose`, with a little room."""
        outlines = {"eye": _EYES, "mouth": (_MOUTH,), "nose": (_NOSE,)}[name]
        return [_bounds(self.points[list(outline)], 0.2) for outline in outlines]


def sure_faces(pixels: Array) -> list[Face]:
    """The faces in (height, width, 3) uint8 RGB `pixels`, the surest first.

    Raises `WeightsError` where the network is missing or damaged.
    """
    found: list[Face] = []
    for box, score in find_faces(pixels):
        sure, points = _look(pixels, box)
        if sure >= IS_FACE:
            _add(found, Face(round(min(score, sure), 4), points))
    for head in _heads(pixels):
        if not any(_inside(face.box, head) for face in found):
            _add_from(found, pixels, head)
    height, width = pixels.shape[:2]
    for face in found:
        np.clip(face.points, 0, (width, height), out=face.points)
    return sorted(found, key=lambda face: (-face.score, face.box))


def _add(found: list[Face], face: Face) -> None:
    if all(overlap(face.box, other.box) < 0.3 for other in found):
        found.append(face)


def _add_from(found: list[Face], pixels: Array, head: PixelBox) -> None:
    """Add the surest face where a head may be, if there is one."""
    best: Face | None = None
    for box in _further_places(pixels, head):
        sure, points = _look(pixels, box)
        again, points = _look(pixels, _bounds(points, 0.0)) if sure >= IS_FACE_BY_ITSELF else (0.0, points)
        face = Face(round(0.7 * again, 4), points)
        if again >= IS_FACE_BY_ITSELF and _inside(face.box, head) and (best is None or face.score > best.score):
            best = face
    if best is not None:
        _add(found, best)


def _look(pixels: Array, box: PixelBox) -> tuple[float, Array]:
    """How likely there is a face in a box, and its points in pixels of the picture."""
    half = max(box[2] - box[0], box[3] - box[1], 2.0) * ROOM / 2
    left, top = (box[0] + box[2]) / 2 - half, (box[1] + box[3]) / 2 - half
    scale = SIDE / (2 * half)
    window = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    crop = cv2.warpAffine(pixels, window, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flag, points = networks.face_points().run(
        cv2.dnn.blobFromImage(crop, 1 / 255, (SIDE, SIDE)), ["conv2d_31", "conv2d_21"]
    )
    sure = 1 / (1 + math.exp(-float(np.clip(flag.ravel()[0], -30, 30))))
    return sure, points.reshape(468, 3)[:, :2].astype(np.float64) / scale + (left, top)


def _heads(pixels: Array) -> list[PixelBox]:
    """Where heads of found persons may be: the upper 45 % of their boxes."""
    if not networks.has(networks.DETECTOR, networks.GRAPH):
        return []
    persons = [thing.box for thing in find_things(pixels) if thing.name == "person"]
    boxes = [(left, top, right, top + 0.45 * (bottom - top)) for left, top, right, bottom in persons]
    return [box for box in boxes if min(box[2] - box[0], box[3] - box[1]) >= 24]


def _further_places(pixels: Array, head: PixelBox) -> Iterator[PixelBox]:
    """Where in a part of the picture a single window of a cascade sees a face."""
    left, top, right, bottom = (max(round(edge), 0) for edge in head)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    width = min(max(right - left, HEAD_SIDE[0]), HEAD_SIDE[1])
    scale = width / max(right - left, 1)
    size = width, max(1, round(scale * (bottom - top)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    for name, mirrored in _LAX:
        cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
        seen = np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey
        for x, y, across, down in cascade.detectMultiScale(seen, 1.1, 1, minSize=(24, 24)):
            x = grey.shape[1] - x - across if mirrored else x
            box = x / scale, y / scale, (x + across) / scale, (y + 1.15 * down) / scale
            yield left + box[0], top + box[1], left + box[2], top + box[3]


def _inside(box: PixelBox, outer: PixelBox) -> bool:
    """Whether the middle of a box lies in another."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _bounds(points: Array, room: float) -> PixelBox:
    """The box round points, larger by a share of its longer side on each side."""
    low, high = points.min(axis=0), points.max(axis=0)
    more = room * float((high - low).max())
    return float(low[0] - more), float(low[1] - more), float(high[0] + more), float(high[1] + more)
