"""From likely guesses to things: each is tried on all its pixels, and the best are kept, nearer before farther."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from canvasagent.sketch.index import Index
from canvasagent.sketch.match import Guesses, all_tones, edges, score
from canvasagent.sketch.regions import Array

LEAST = 0.67
"""Score below which nothing is taken for a thing."""
SEEN = 0.45
"""Share of a thing that must be seen."""


@dataclass(frozen=True)
class Fit:
    """A guess tried on all its pixels."""

    sprite: int
    mirrored: bool
    box: tuple[float, float, float, float]
    """left, top, right, bottom in pixels."""
    window: tuple[slice, slice]
    """Rows and columns of the picture that the box covers."""
    solid: Array
    """Where the sprite is, within the window (bool)."""
    visible: Array
    """Where it agrees with the picture, or is its border, within the window (bool)."""
    balance: float
    """Mean over its colours of the share that agrees."""
    edge: float
    """Share of the outline at which the sprite ends."""
    color: Array
    score: float


def settle(picture: Array, guesses: Guesses, index: Index, tolerance: float) -> list[Fit]:
    """The guesses that hold, best first. `picture` is (height, width, 3) float32 in the colours of daylight."""
    if not len(guesses):
        return []
    rough, mains = score(picture, guesses, index, tolerance)
    fits = [
        fit(picture, guesses.at(np.array([row])), mains[row], index, tolerance) for row in np.flatnonzero(rough > 0.4)
    ]
    fits = sorted((item for item in fits if item.score > 0.4), key=lambda item: (-_rank(item), item.sprite, item.box))
    claimed = np.zeros(picture.shape[:2], bool)
    kept: list[Fit] = []
    for item in fits:
        owned = claimed[item.window]
        total = float(item.solid.sum())
        free = item.solid & ~owned
        own = float((item.visible & free).sum())
        if total == 0 or free.sum() < SEEN * total or own < SEEN * total:
            continue
        value = own / float(free.sum()) * min(item.edge / 0.9, 1.0) * (0.5 + 0.5 * min(item.balance / 0.8, 1.0))
        if value < LEAST:
            continue
        kept.append(item)
        claimed[item.window] |= item.visible
    return kept


def _rank(item: Fit) -> float:
    """What decides between guesses of the same place: agreement, then size."""
    return item.score + 0.03 * float(np.log(item.solid.sum() + 1.0))


def fit(picture: Array, guesses: Guesses, main: Array, index: Index, tolerance: float) -> Fit:
    """One guess (a single row) tried on all pixels of its box."""
    number, flipped = int(guesses.sprite[0]), bool(guesses.mirrored[0])
    left, top, tall = (float(value) for value in guesses.places[0])
    wide = tall * float(index.aspects[number])
    height, width = picture.shape[:2]
    x0, y0 = max(round(left), 0), max(round(top), 0)
    x1, y1 = min(max(round(left + wide), x0 + 1), width), min(max(round(top + tall), y0 + 1), height)
    window = slice(y0, max(y1, y0)), slice(x0, max(x1, x0))
    tones = all_tones(main[None], index.points.fixed[guesses.sprite])
    edge = float(edges(picture, guesses, index, tones, tolerance)[0])
    classes = index.classes[number][:, ::-1] if flipped else index.classes[number]
    drawing = np.dstack([tones[0][np.maximum(classes, 0)], classes >= 0]).astype(np.float32)
    drawing[classes < 0] = 0
    expected, local = _placed(drawing, classes, (left, top, wide, tall), window)
    alpha = expected[..., 3]
    solid = alpha > 0.5
    wanted = expected[..., :3] / np.maximum(alpha, 0.01)[..., None]
    agrees = (np.abs(picture[window] - wanted).max(axis=2) <= 1.5 * tolerance) & (alpha > 0.9)
    local = np.where(alpha > 0.9, local, -1)
    visible = agrees | (solid & (cv2.dilate(agrees.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0))
    counts = np.bincount(local[local >= 0], minlength=tones.shape[1])
    right = np.bincount(local[agrees & (local >= 0)], minlength=tones.shape[1])
    present = counts >= max(6, 0.01 * solid.sum())
    balance = float((right[present] / counts[present]).mean()) if present.any() else 0.0
    share = float((visible & solid).sum() / max(solid.sum(), 1))
    value = share * (0.5 + 0.5 * balance) * min(edge / 0.9, 1.0)
    return Fit(
        number,
        flipped,
        (left, top, left + wide, top + tall),
        window,
        solid,
        visible & solid,
        balance,
        edge,
        main,
        value,
    )


def _placed(
    drawing: Array, classes: Array, place: tuple[float, float, float, float], window: tuple[slice, slice]
) -> tuple[Array, Array]:
    """A drawing (RGBA, float32, premultiplied) and its classes as they look at `place` (left, top, width, height)."""
    left, top, wide, tall = place
    x0, y0, x1, y1 = round(left), round(top), round(left + wide), round(top + tall)
    size = max(x1 - x0, 1), max(y1 - y0, 1)
    how = cv2.INTER_AREA if size[1] < len(drawing) else cv2.INTER_LINEAR
    scaled = cv2.resize(drawing, size, interpolation=how)
    named = cv2.resize(classes, size, interpolation=cv2.INTER_NEAREST)
    rows = slice(window[0].start - y0, window[0].stop - y0)
    columns = slice(window[1].start - x0, window[1].stop - x0)
    return scaled[rows, columns], named[rows, columns]
