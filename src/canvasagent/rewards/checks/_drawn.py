"""Things of the drawn world by their templates: where a picture is flat, part by part, as the thing's drawing is.

No colour is assumed in the search: a place is good where each part of the drawing is of one colour there, whatever
it is, and differs from its neighbours and from the ring around the thing (explained variance, computed for every
place at once by Fourier transforms). Colours are compared only when a place is judged, under the lights and
weathers that there are, and against every other thing that could stand there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf

import cv2
import numpy as np
from PIL import ImageColor

from canvasagent.rewards.checks._pixels import Array, resized
from canvasagent.rewards.checks._templates import SHAPES, masks, rim, template_of
from canvasagent.sketch.sprite import all_sprites, shades

COARSE, FINE = 24.0, 44.0
"""Size (root of width × height, pixels) of a thing in the search, and when a place is judged."""
LEAST, ROOM = 14.0, 200.0
"""Small things are looked for in pictures of about `ROOM` pixels a side, as long as they are `LEAST` pixels there."""
STEP = 1.12
"""Ratio of the sizes that are tried one after another."""
SMALLEST = 0.065
"""Smallest size of a thing that is looked for, as a share of the root of the picture's area."""
SURE = 40.0
"""Size in pixels from which a place counts in full: what is seen in few pixels fits many things."""
FLOOR = 120.0
"""Variance (three channels together) that flat things are taken to have at least: less contrast shows nothing."""
RING = 0.35
"""Weight of the ring around a thing beside the thing itself."""


AIRS = ((0.0, (0, 0, 0)), (0.22, (30, 40, 92)), (0.3, (70, 80, 96)), (0.22, (226, 233, 242)), (0.4, (222, 226, 230)))
"""Share and colour of what lies over things: nothing, night, rain, snow, fog."""

SHADES = {"main-dark": (0.28, 0), "main-light": (0.35, 255)}
"""By how much of the way to black and to white the shades of a main colour lie."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectedThing:
    """A thing that was found: its box in shares of the picture, how well it fits, and its main colour there."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    score: float
    mirrored: bool
    color: tuple[int, int, int]
    """Mean colour of what takes the thing's main colour; of all of it where nothing does."""


@dataclass(frozen=True)
class Candidate:
    """A place (in pixels) where the parts of a thing could be."""

    score: float
    left: float
    top: float
    width: float
    height: float
    mirrored: bool


def candidates(pixels: Array, name: str, most: int = 8) -> tuple[Candidate, ...]:
    """At most so many places where the parts of a thing could be, the best first."""
    height, width = pixels.shape[:2]
    if min(height, width) < 6:
        return ()
    aspect = template_of(name).aspect
    found: list[Candidate] = []
    size = min(height, width / aspect) * aspect**0.5
    while size >= max(SMALLEST * (width * height) ** 0.5, 5.0):
        scale = min(COARSE / size, max(LEAST / size, ROOM / (width * height) ** 0.5), 1.0)
        small = _shrunk(pixels, scale)
        for mirrored in (False, True) if _sided(name) else (False,):
            found += _peaks(small, name, size * scale, scale, mirrored)
        size /= STEP
    found.sort(key=lambda item: -item.score)
    kept: list[Candidate] = []
    for item in found:
        if len(kept) == most:
            break
        if all(_alike(item, other) < 0.5 for other in kept):
            kept.append(item)
    return tuple(kept)


@cache
def _sided(name: str) -> bool:
    """Whether a thing looks different mirrored."""
    return name not in SHAPES and all_sprites()[name].info.facing != "front"


def _shrunk(pixels: Array, scale: float) -> Array:
    height, width = pixels.shape[:2]
    small = resized(pixels, max(2, round(width * scale)), max(2, round(height * scale)))
    return np.asarray(small, dtype=np.float32)


def _peaks(small: Array, name: str, size: float, scale: float, mirrored: bool) -> list[Candidate]:
    """The best places at one size: local maxima of the explained variance, their colours compared."""
    aspect = template_of(name).aspect
    wide, tall = max(3, round(size * aspect**0.5)), max(3, round(size / aspect**0.5))
    fit = _explained(small, name, wide, tall, mirrored)
    if fit is None:
        return []
    peaks = (fit.values == cv2.dilate(fit.values, np.ones((3, 3), np.uint8))) & (fit.values > 0.3)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-fit.values[rows, columns])[:80]
    rows, columns = rows[order], columns[order]
    scores = fit.values[rows, columns] * agreement(name, fit.colors(rows, columns))
    return [
        Candidate(float(score), float(x / scale), float(y / scale), wide / scale, tall / scale, mirrored)
        for score, x, y in zip(scores, columns, rows, strict=True)
    ]


@dataclass(frozen=True)
class _Explained:
    """How well a thing of one size fits at every place of its top left corner (the ring may lie outside)."""

    values: Array
    """Explained variance, (rows, columns)."""
    sums: list[list[Array]]
    """For each part and channel the sum of its pixels by the root of its mass, (rows, columns)."""
    roots: Array
    """Root of each part's mass."""

    def colors(self, rows: Array, columns: Array) -> Array:
        """The parts' mean colours at n places, (n, parts, 3)."""
        sums = np.array([[plane[rows, columns] for plane in planes] for planes in self.sums])
        return np.asarray((sums / self.roots[:, None, None]).transpose(2, 0, 1))


def _explained(small: Array, name: str, wide: int, tall: int, mirrored: bool) -> _Explained | None:
    """Explained variance for every place; None where the thing has no room."""
    parts, ring = masks(name, wide, tall, mirrored)
    r = rim(wide, tall)
    padded = cv2.copyMakeBorder(small, r, r, r, r, cv2.BORDER_REPLICATE)
    rows, columns = padded.shape[0] - tall - 2 * r + 1, padded.shape[1] - wide - 2 * r + 1
    if rows < 1 or columns < 1:
        return None
    weights = np.zeros((len(parts) + 1, tall + 2 * r, wide + 2 * r), np.float32)
    weights[:-1, r : r + tall, r : r + wide] = parts
    weights[-1] = RING * ring
    mass = np.maximum(weights.sum(axis=(1, 2)), 0.05)
    roots = np.sqrt(mass)
    grid = tuple(cv2.getOptimalDFTSize(side) for side in padded.shape[:2])
    planes = cv2.split(padded)
    spectra = [_spectrum(plane, grid) for plane in planes]
    between, everything = np.zeros((rows, columns), np.float32), np.zeros((3, rows, columns), np.float32)
    sums: list[list[Array]] = []
    for weight, root in zip(weights, roots, strict=True):
        filter = _spectrum(weight / root, grid)
        sums.append([_correlated(spectrum, filter, rows, columns) for spectrum in spectra])
        for channel, found in enumerate(sums[-1]):
            cv2.accumulateSquare(found, between)
            cv2.scaleAdd(found, float(root), everything[channel], everything[channel])
    mean = (everything[0] ** 2 + everything[1] ** 2 + everything[2] ** 2) / mass.sum()
    squares = _spectrum(planes[0] ** 2 + planes[1] ** 2 + planes[2] ** 2, grid)
    total = _correlated(squares, _spectrum(weights.sum(axis=0), grid), rows, columns) - mean
    values = (between - mean) / (np.maximum(total, 0) + FLOOR * mass.sum())
    return _Explained(np.asarray(values, dtype=np.float32), sums[:-1], roots[:-1])


def _spectrum(plane: Array, grid: tuple[int, ...]) -> Array:
    """A plane's Fourier transform on a grid that it fits on."""
    whole = np.zeros(grid, np.float32)
    whole[: plane.shape[0], : plane.shape[1]] = plane
    return np.asarray(cv2.dft(whole, dst=whole, nonzeroRows=plane.shape[0]))


def _correlated(spectrum: Array, filter: Array, rows: int, columns: int) -> Array:
    """The first rows and columns of the correlation of two planes that were transformed."""
    product = cv2.mulSpectrums(spectrum, filter, 0, conjB=True)
    flags = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE  # `nonzeroRows` makes this direction slower
    return np.asarray(cv2.dft(product, dst=product, flags=flags)[:rows, :columns])


def agreement(name: str, colors: Array) -> Array:
    """How well found colours (n, k, 3) agree with a thing's own, n times 0 to 1, in the light and weather that suits.

    What takes the asked-for colour agrees fully with the usual one, and by 0.82 with any other colour, less where
    its shades are not what they should be beside it.
    """
    mass, expected, tinted = _expected(name)
    off = np.linalg.norm(colors[None] - expected[:, None], axis=3)
    close = np.exp(-((off / 60) ** 2))
    close = np.where(tinted, 0.82 + 0.18 * close, close)
    best = (close * mass).sum(axis=2).max(axis=0)
    of_tint = {tint: k for k, tint in template_of(name).tints.items()}
    main = colors[:, of_tint["main"]] if "main" in of_tint else None
    for tint, (share, goal) in SHADES.items():
        if main is not None and tint in of_tint:
            off = np.linalg.norm(colors[:, of_tint[tint]] - (main + share * (goal - main)), axis=1)
            best = best * (0.75 + 0.25 * np.exp(-((off / 40) ** 2)))
    return np.asarray(best)


@cache
def _expected(name: str) -> tuple[Array, Array, Array]:
    """Shares of a thing's parts; their colours in every air (air, part, 3); which take the asked-for colour."""
    template = template_of(name)
    mass = template.parts.sum(axis=(1, 2))
    tones = {token: ImageColor.getrgb(tone)[:3] for token, tone in shades(template.usual).items()}
    own = [tones[template.tints[k]] if color is None else color for k, color in enumerate(template.colors)]
    plain = np.array(own, np.float32)
    airs = np.stack([(1 - share) * plain + share * np.array(veil, np.float32) for share, veil in AIRS])
    return mass / mass.sum(), airs, np.array([color is None for color in template.colors])


def _judged(pixels: Array, name: str, place: Candidate) -> tuple[Candidate, Array]:
    """The place at full detail: its neighbours in position and size tried, the best and its parts' colours."""
    scale = min(FINE / (place.width * place.height) ** 0.5, 1.0)
    room_x, room_y = 0.16 * place.width + 3 / scale, 0.16 * place.height + 3 / scale
    left, top = max(0, round(place.left - room_x)), max(0, round(place.top - room_y))
    right, bottom = round(place.left + place.width + room_x), round(place.top + place.height + room_y)
    window = _shrunk(np.ascontiguousarray(pixels[top:bottom, left:right]), scale)
    best, colors = place, np.zeros((1, 3))
    score = -1.0
    inside: tuple[Array, Array] | None = None
    for step in (0.92, 0.97, 1.02, 1.07):
        wide, tall = max(3, round(place.width * scale * step)), max(3, round(place.height * scale * step))
        fit = _explained(window, name, wide, tall, place.mirrored)
        if fit is None:
            continue
        y, x = np.unravel_index(int(fit.values.argmax()), fit.values.shape)
        if fit.values[y, x] > score:
            score = float(fit.values[y, x])
            best = Candidate(score, left + x / scale, top + y / scale, wide / scale, tall / scale, place.mirrored)
            within = window[max(y, 0) : y + tall, max(x, 0) : x + wide]
            parts, _ = masks(name, wide, tall, place.mirrored)
            colors = fit.colors(np.array([y]), np.array([x]))[0]
            inside = (within, parts) if within.shape[:2] == parts.shape[1:] else None
    if score <= 0:
        return replace(best, score=0.0), colors
    flat = 0.0
    if inside is not None:
        flat, colors = _flatness(*inside)
    fits = float((score * flat) ** 0.5 * agreement(name, colors[None])[0] ** 1.5)
    detail = (best.width * best.height) ** 0.5 / SURE
    return replace(best, score=fits * min(1.0, 0.76 + 0.24 * detail)), colors


def _flatness(window: Array, parts: Array) -> tuple[float, Array]:
    """How much of a thing is of its parts' colours (median colours), and those: what covers it is not averaged in."""
    colors = np.zeros((len(parts), 3), np.float32)
    flat = 0.0
    mass = 0.0
    for k, part in enumerate(parts):
        inside = part > 0.75
        inside = inside if inside.any() else part >= part.max()
        pixels = window[inside]
        colors[k] = _middle(pixels)
        off = np.linalg.norm(pixels - colors[k], axis=1)
        flat += float(np.exp(-((off / 30) ** 2)).mean() * part.sum())
        mass += float(part.sum())
    return flat / max(mass, 1e-6), colors


def _middle(pixels: Array) -> Array:
    """The median of each channel of pixels (n, 3); quicker than numpy's own."""
    low, high = (len(pixels) - 1) // 2, len(pixels) // 2
    ordered = np.partition(pixels, (low, high), axis=0)
    return np.asarray((ordered[low] + ordered[high]) / 2)


def find(pixels: Array, name: str, places: Sequence[Candidate], enough: float = inf) -> tuple[DetectedThing, ...]:
    """The places of a thing, whether good enough or not, without doubles, the best first.

    They are judged in their order, up to one that fits by `enough`.
    """
    height, width = pixels.shape[:2]
    judged: list[tuple[Candidate, Array]] = []
    for place in places:
        judged.append(_judged(pixels, name, place))
        if judged[-1][0].score >= enough:
            break
    judged.sort(key=lambda item: -item[0].score)
    things: list[DetectedThing] = []
    for place, colors in judged:
        left, top, right, bottom = _box(place)
        box = left / width, top / height, right / width, bottom / height
        if any(overlap(box, other.box) > 0.5 for other in things):
            continue
        things.append(DetectedThing(box, round(place.score, 4), place.mirrored, main_color(name, colors)))
    return tuple(things)


def main_color(name: str, colors: Array) -> tuple[int, int, int]:
    """The colour of what takes the asked-for colour (its own shade first); of the largest part where nothing does."""
    template = template_of(name)
    mains = [k for k, tint in sorted(template.tints.items(), key=lambda item: item[1])] or [0]
    red, green, blue = (round(float(value)) for value in colors[mains[0]])
    return red, green, blue


def _box(place: Candidate) -> Box:
    return place.left, place.top, place.left + place.width, place.top + place.height


def _alike(one: Candidate, other: Candidate) -> float:
    """Intersection over union of two places."""
    across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def overlap(one: Box, other: Box) -> float:
    """Intersection by the smaller of two boxes (left, top, right, bottom)."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return max(across, 0.0) * max(down, 0.0) / max(min(areas), 1e-9)
