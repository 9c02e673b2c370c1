"""Where a part could be that was turned by any angle: points of interest (SIFT) that agree on one place and size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from canvasagent.rewards.checks._pixels import Array, within

SIDE = 448
"""Longest side in pixels at which points are looked for."""
ALIKE = 0.8
"""A point counts where the next best one is at least so much farther."""
POINTS = 6
"""So many points must agree."""


@dataclass(frozen=True)
class Turned:
    """A place: the part turned as it is there (with alpha), and its box in shares of the final picture."""

    pixels: Array
    left: float
    top: float
    width: float
    height: float


def turned_places(pixels: Array, final: Array) -> list[Turned]:
    """Where the RGBA part could be in the final picture, turned, upright or mirrored; none where too little agrees."""
    shown = within(final, SIDE)
    sift = cv2.SIFT_create(1500)  # type: ignore[attr-defined]
    there, marks = sift.detectAndCompute(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), None)
    if marks is None or len(there) < POINTS:
        return []
    places = []
    for mirrored in (False, True):
        part = within(np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels), SIDE)
        mask = (part[..., 3] > 127).astype(np.uint8)
        points, own = sift.detectAndCompute(cv2.cvtColor(np.ascontiguousarray(part[..., :3]), cv2.COLOR_RGB2GRAY), mask)
        if own is None or len(points) < POINTS:
            continue
        pairs = [pair for pair in cv2.BFMatcher().knnMatch(own, marks, k=2) if len(pair) == 2]
        good = [one for one, other in pairs if one.distance < ALIKE * other.distance]
        if len(good) < POINTS:
            continue
        source = np.array([points[one.queryIdx].pt for one in good], np.float32)
        goal = np.array([there[one.trainIdx].pt for one in good], np.float32)
        matrix, inliers = cv2.estimateAffinePartial2D(source, goal, ransacReprojThreshold=4.0)
        if matrix is not None and int(inliers.sum()) >= POINTS:
            places.append(_placed(part, matrix, shown.shape[1], shown.shape[0]))
    return [place for place in places if place is not None]


def _placed(part: Array, matrix: Array, width: int, height: int) -> Turned | None:
    """The part drawn as `matrix` lays it into the picture, in its own box there."""
    down, across = part.shape[:2]
    corners = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32) @ matrix[:, :2].T + matrix[:, 2]
    left, top = np.floor(corners.min(axis=0))
    right, bottom = np.ceil(corners.max(axis=0))
    wide, tall = int(right - left), int(bottom - top)
    if not (6 <= wide <= 2 * width and 6 <= tall <= 2 * height):
        return None
    moved = matrix.copy()
    moved[:, 2] -= (left, top)
    drawn = cv2.warpAffine(part, moved, (wide, tall), flags=cv2.INTER_AREA)
    return Turned(drawn, left / width, top / height, wide / width, tall / height)
