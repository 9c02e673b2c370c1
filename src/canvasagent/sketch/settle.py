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
SMALL, HOPELESS = 72, 0.5
"""Pixels of height up to which a fit is worth to be moved by single pixels, and the score from which it is."""
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
    for rank, item in ranked:
        if not _seen_enough(item, claimed):
            continue
        if rank > HOPELESS and item.box[3] - item.box[1] <= SMALL:
            item = polished(picture, item, index, tolerance)
            if not _seen_enough(item, claimed):
                continue
        value = item.score(item.solid & ~claimed[item.window])
        if value >= asked(item, index):
            kept.append((value, item))
            claimed[item.window] |= item.visible
    kept.sort(key=lambda pair: -pair[0])
    return [Settled(item, value, _seen(number, [fit for _, fit in kept])) for number, (value, item) in enumerate(kept)]


def _seen_enough(item: Fit, claimed: Array) -> bool:
    free, total = item.solid & ~claimed[item.window], float(item.solid.sum())
    return bool(free.sum() >= SEEN * total and (item.visible & free).sum() >= SEEN * total)


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
    covers, own, local = _placed(index, number, flipped, (left, top, wide, tall), window)
    main = _main_color(picture[window], covers, main)
    tones = all_tones(main[None], index.points.fixed[guesses.sprite])
    edge = float(edges(picture, guesses, index, tones, tolerance)[0])
    alpha = covers[..., 3] * np.float32(1 / 255)
    solid, whole = alpha > 0.5, alpha > 0.9
    expected = covers[..., :3] @ (tones[0, :3] * np.float32(1 / 255)) + own
    away = largest(np.abs(picture[window] * alpha[..., None] - expected))
    agrees = (away <= 1.5 * tolerance) & whole
    local = np.where(whole, local, -1)
    inside = max(x1 - x0, 0) * max(y1 - y0, 0) / (wide * tall)
    box = (left, top, left + wide, top + tall)
    return Fit(number, flipped, box, window, local, solid, agrees, edge, min(inside, 1.0), main)


def polished(picture: Array, item: Fit, index: Index, tolerance: float) -> Fit:
    """A fit of few pixels moved by whole ones to where its drawing agrees best with the picture."""
    start = left, top, tall = round(item.box[0]), round(item.box[1]), round(item.box[3] - item.box[1])
    aspect = float(index.aspects[item.sprite])
    height, width = picture.shape[:2]
    tones = all_tones(item.color[None], index.points.fixed[item.sprite][None])[0, :3] * np.float32(1 / 255)
    seen: dict[int, tuple[Array, Array, float]] = {}
    for _ in range(3):
        best, where = np.inf, (left, top, tall)
        for grown in (0, -1, 1):
            size = max(round((tall + grown) * aspect), 1), tall + grown
            if size[1] not in seen:
                covers, own = drawn(index, item.sprite, item.mirrored, size)
                alpha = covers[..., 3:] * np.float32(1 / 255)
                seen[size[1]] = covers[..., :3] @ tones + own, alpha, float(alpha.sum())
            expected, alpha, weight = seen[size[1]]
            for down in (0, -1, 1):
                for across in (0, -1, 1):
                    x, y = left + across, top + down
                    if x < 0 or y < 0 or x + size[0] > width or y + size[1] > height:
                        continue
                    away = np.abs(picture[y : y + size[1], x : x + size[0]] * alpha - expected)
                    cost = float(np.minimum(largest(away), 60).sum()) / weight
                    if cost < best - 1e-3:
                        best, where = cost, (x, y, size[1])
        if where == (left, top, tall):
            break
        left, top, tall = where
    guesses = Guesses(
        np.array([item.sprite]), np.array([item.mirrored]), np.array([[left, top, tall]], np.float32), np.zeros(1)
    )
    moved = fit(picture, guesses, item.color, index, tolerance)
    if (left, top, tall) == start and moved.agrees.sum() < item.agrees.sum():
        return item
    return moved


def drawn(index: Index, number: int, flipped: bool, size: tuple[int, int]) -> tuple[Array, Array]:
    """What covers and the own colours, 0 to 255 float32, of a sprite of that size (width, height)."""
    how = cv2.INTER_AREA if size[1] < len(index.own[number]) else cv2.INTER_LINEAR
    layers = [cv2.resize(layer[number], size, interpolation=how) for layer in (index.covers, index.own)]
    covers, own = (np.asarray(layer[:, ::-1] if flipped else layer, np.float32) for layer in layers)
    return covers, own


def _main_color(seen: Array, covers: Array, fallback: Array) -> Array:
    """The main colour as it is seen where nothing else is mixed into it; as `told` where that is hardly anywhere."""
    pure = seen[covers[..., 0] > 250]
    return np.asarray(np.median(pure, axis=0)) if len(pure) >= 12 else fallback


def _placed(
    index: Index, number: int, flipped: bool, place: tuple[float, float, float, float], window: tuple[slice, slice]
) -> tuple[Array, Array, Array]:
    """What covers, the own colours, and the classes of a sprite as they look at `place` (left, top, width, height)."""
    left, top, wide, tall = place
    x0, y0, x1, y1 = round(left), round(top), round(left + wide), round(top + tall)
    size = max(x1 - x0, 1), max(y1 - y0, 1)
    rows = slice(window[0].start - y0, window[0].stop - y0)
    columns = slice(window[1].start - x0, window[1].stop - x0)
    covers, own = drawn(index, number, flipped, size)
    named = cv2.resize(index.classes[number], size, interpolation=cv2.INTER_NEAREST)
    named = named[:, ::-1] if flipped else named
    return covers[rows, columns], own[rows, columns], named[rows, columns]
