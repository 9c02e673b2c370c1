"""From likely guesses to things: each is tried on all its pixels, and the best are kept, nearer before farther."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from canvasagent.sketch.index import Index
from canvasagent.sketch.match import Guesses, all_tones, edges, largest, score
from canvasagent.sketch.regions import Array

LEAST = 0.71
"""Score below which nothing is taken for a thing."""
PLAIN, TINY = 0.15, 0.10
"""What is asked beyond that of sprites without a colour of their own, and of things hardly large enough to tell."""
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
    classes: Array
    """The class of every pixel in the window, -1 outside the sprite and on its border."""
    solid: Array
    """Where the sprite is, within the window (bool)."""
    agrees: Array
    """Where the picture has the colour that it should have, within the window (bool)."""
    edge: float
    """Share of the outline at which the sprite ends."""
    inside: float
    """Share of the box that lies in the picture."""
    color: Array

    @property
    def visible(self) -> Array:
        """Where it agrees or nearly so, borders included."""
        near = cv2.dilate(self.agrees.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        return np.asarray(self.solid & near)

    def score(self, free: Array) -> float:
        """How well it agrees, 0 to 1, where nothing nearer hides it (`free`, within the window)."""
        seen = self.classes[free & (self.classes >= 0)]
        if not len(seen) or not (self.solid & free).any():
            return 0.0
        counts = np.bincount(seen)
        right = np.bincount(self.classes[free & self.agrees & (self.classes >= 0)], minlength=len(counts))
        present = counts >= max(6, 0.01 * len(seen))
        balance = float((right[present] / counts[present]).mean()) if present.any() else 0.0
        share = float((self.visible & free).sum() / (self.solid & free).sum())
        return share * (0.5 + 0.5 * balance) * min(self.edge / 0.9, 1.0) * (0.5 + 0.5 * self.inside)


@dataclass(frozen=True)
class Settled:
    """A fit that holds."""

    fit: Fit
    score: float
    mask: Array
    """What can be seen of it, within its window (bool)."""


def settle(picture: Array, guesses: Guesses, index: Index, tolerance: float) -> list[Settled]:
    """The guesses that hold, best first. `picture` is (height, width, 3) float32 in the colours of daylight."""
    if not len(guesses):
        return []
    rough, mains = score(picture, guesses, index, tolerance)
    tried = [
        fit(picture, guesses.at(np.array([row])), mains[row], index, tolerance) for row in np.flatnonzero(rough > 0.4)
    ]
    ranked = [(item.score(np.ones_like(item.solid)), item) for item in tried]
    ranked = [(value, item) for value, item in ranked if value > 0.35]
    ranked.sort(key=lambda pair: (-pair[0] - 0.03 * float(np.log(pair[1].solid.sum())), pair[1].sprite, pair[1].box))
    claimed = np.zeros(picture.shape[:2], bool)
    kept: list[tuple[float, Fit]] = []
    for _, item in ranked:
        free = item.solid & ~claimed[item.window]
        total = float(item.solid.sum())
        if free.sum() < SEEN * total or (item.visible & free).sum() < SEEN * total:
            continue
        value = item.score(free)
        if value >= asked(item, index):
            kept.append((value, item))
            claimed[item.window] |= item.visible
    kept.sort(key=lambda pair: -pair[0])
    return [Settled(item, value, _seen(number, [fit for _, fit in kept])) for number, (value, item) in enumerate(kept)]


def asked(item: Fit, index: Index) -> float:
    """The score that a fit must reach: more where colours tell little, and where there are few pixels."""
    known = float(index.points.known_share[item.sprite])
    tall = item.box[3] - item.box[1]
    plain = max(0.0, 1 - known / 0.4)
    tiny = min(max((26 - tall) / 8, 0.0), 1.0) + plain * min(max((44 - tall) / 12, 0.0), 1.0)
    return min(LEAST + PLAIN * plain + TINY * tiny, 0.95)


def _seen(number: int, fits: list[Fit]) -> Array:
    """What can be seen of one of the fits: all of it but where another agrees better, and what nothing explains."""
    mine = fits[number]
    mask = mine.solid.copy()
    for other in fits[:number] + fits[number + 1 :]:
        rows = slice(max(mine.window[0].start, other.window[0].start), min(mine.window[0].stop, other.window[0].stop))
        columns = slice(
            max(mine.window[1].start, other.window[1].start), min(mine.window[1].stop, other.window[1].stop)
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        here, there = _within(rows, columns, mine), _within(rows, columns, other)
        mask[here] &= ~(other.visible[there] & ~mine.agrees[here])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    filled = cv2.morphologyEx(np.pad(mine.visible, 9).astype(np.uint8), cv2.MORPH_CLOSE, kernel)[9:-9, 9:-9] > 0
    return np.asarray(mask & filled)


def _within(rows: slice, columns: slice, item: Fit) -> tuple[slice, slice]:
    top, left = item.window[0].start, item.window[1].start
    return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)


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
    drawing = np.dstack([tones[0][np.maximum(classes, 0)], classes > -2]).astype(np.float32)
    drawing[classes == -2] = 0
    expected, local = _placed(drawing, classes, (left, top, wide, tall), window)
    alpha = expected[..., 3]
    solid = alpha > 0.5
    wanted = expected[..., :3] / np.maximum(alpha, 0.01)[..., None]
    agrees = (largest(np.abs(picture[window] - wanted)) <= 1.5 * tolerance) & (alpha > 0.9)
    agrees |= (local == -1) & (alpha > 0.9)  # close lines of several colours: anything may be there
    local = np.where(alpha > 0.9, local, -1)
    inside = max(x1 - x0, 0) * max(y1 - y0, 0) / (wide * tall)
    box = (left, top, left + wide, top + tall)
    return Fit(number, flipped, box, window, local, solid, agrees, edge, min(inside, 1.0), main)


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
