"""Filling a hole with what could be there: patches of the surroundings, from coarse to fine, in bounded time.

After Wexler, Shechtman and Irani, "Space-Time Completion of Video" (2007), with the nearest patches found as in
PatchMatch (Barnes et al., 2009), every pixel of the hole at once. It works on a copy of the neighbourhood of at most
`WORK_SIDE` pixels; in larger pictures the fine structure is then copied from where the patches came from.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from canvasagent.backends.lite.edits._spec import Mask, Pixels, as_pixels
from canvasagent.concurrency.cancellation import check_cancelled

Array = NDArray[Any]

WORK_SIDE = 192
"""Longer side of the copy in which patches are searched, in pixels."""
_RADIUS = 3
_FAR = 50.0
"""Grey levels by which a patch from the far end of the neighbourhood must fit better than one beside the hole."""
_ROOM = 0.6
"""The share of the known pixels round which a whole patch must be known."""
_COARSEST = 34
"""Pictures whose shorter side is at most this are not made coarser: patches would see nothing but large things."""
_SMOOTH = 5.0
"""Mean fine structure, in grey levels, under which a ground counts as smooth."""
_SMALL = 7
"""Holes nowhere thicker than this many pixels are filled smoothly (Telea) where the surroundings are smooth."""


def fill(pixels: Pixels, hole: Mask, seed: int, strokes: bool = False, banned: Mask | None = None) -> Pixels:
    """`pixels` with the (height, width) `hole` filled from around it; all else stays as it was.

    A hole that covers nearly everything is filled smoothly; so are `strokes` of any thickness on a smooth ground.
    Nothing is copied from `banned`.
    """
    if not hole.any():
        return pixels
    window = _neighbourhood(hole)
    part, inside = pixels[window], hole[window]
    no_source = inside if banned is None else inside | banned[window]
    filled = _fill_part(part, inside, no_source, seed, strokes)
    result = pixels.copy()
    result[window][inside] = filled[inside]
    return result


def _neighbourhood(hole: Mask) -> tuple[slice, slice]:
    """The box around the hole, with a margin of its own size."""
    spans = []
    for axis in (1, 0):
        where = np.flatnonzero(hole.any(axis=axis))
        low, high = int(where[0]), int(where[-1]) + 1
        margin = max(24, int(0.9 * (high - low)))
        spans.append((low, high, margin))
    margin = max(span[2] for span in spans)
    top, left = (slice(max(0, low - margin), high + margin) for low, high, _ in spans)
    return top, left


def _fill_part(part: Pixels, hole: Mask, banned: Mask, seed: int, strokes: bool) -> Pixels:
    height, width = hole.shape
    factor = max(1.0, max(height, width) / WORK_SIDE)
    size = (max(8, round(width / factor)), max(8, round(height / factor)))
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 3).max()
    if min(height, width) < 8 or ((strokes or depth * 2 <= _SMALL) and _roughness(part, hole) < _SMOOTH):
        return _smoothly(part, hole)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small_hole = _shrunk(hole, size)
    result = _coarse_to_fine(small, small_hole, _shrunk(banned, size), np.random.default_rng(seed))
    if result is None:
        return _smoothly(part, hole)
    filled, source = result
    return as_pixels(filled) if factor == 1 and size == (width, height) else _at_full_size(part, hole, filled, source)


def _smoothly(part: Pixels, hole: Mask) -> Pixels:
    """The hole filled from its rim (Telea)."""
    return np.asarray(cv2.inpaint(part, hole.astype(np.uint8), 4, cv2.INPAINT_TELEA))


def _shrunk(mask: Mask, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.01)


def _roughness(part: Pixels, hole: Mask) -> float:
    """How textured the surroundings are: the mean difference from a blurred copy, in grey levels."""
    near = (cv2.dilate(hole.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~hole
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    away = cv2.erode((~hole).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rough = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    chosen = rough[near & away]
    return float(chosen.mean()) if chosen.size else 0.0


def _coarse_to_fine(picture: Array, hole: Mask, banned: Mask, rng: np.random.Generator) -> tuple[Array, Array] | None:
    """The filled picture and, for every pixel, the row and column it was copied from; None if nothing can be copied."""
    sizes = [hole.shape]
    while min(sizes[-1]) > _COARSEST and _depth(cv2.resize(hole.astype(np.uint8), sizes[-1][::-1]) > 0) > 2.5:
        coarser = round(sizes[-1][0] * 0.6), round(sizes[-1][1] * 0.6)
        known = ~_shrunk(banned, (coarser[1], coarser[0]))
        # Where patches are too large for what is known round the hole, the wrong things would be all they could copy.
        if _sources(~known)[1].sum() < _ROOM * known.sum():
            break
        sizes.append(coarser)
    estimate: Array | None = None
    field: Array | None = None
    for level, (height, width) in enumerate(reversed(sizes)):
        known = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        inside, no_source = _shrunk(hole, (width, height)), _shrunk(banned, (width, height))
        if estimate is None:
            estimate = cv2.inpaint(as_pixels(known), inside.astype(np.uint8), 5, cv2.INPAINT_TELEA).astype(np.float32)
        else:
            estimate = np.where(inside[..., None], cv2.resize(estimate, (width, height)), known)
        last = level == len(sizes) - 1
        outcome = _rounds(estimate, inside, no_source, field, rng, rounds=3 if last else 7)
        if outcome is None:
            return None
        estimate, field = outcome
        if not last:
            field = _enlarged(field, sizes[len(sizes) - 2 - level])
    assert estimate is not None and field is not None
    return estimate, field


def _sources(banned: Mask) -> tuple[int, Mask]:
    """The radius of patches in a picture of this size, and where the middle of one may lie that is copied from."""
    radius = _RADIUS if min(banned.shape) > 60 else _RADIUS - 1
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    allowed = ~(cv2.dilate(banned.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT) > 0)
    allowed[:1] = allowed[-1:] = False
    allowed[:, :1] = allowed[:, -1:] = False
    return radius, allowed


def _depth(mask: Mask) -> float:
    return float(cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3).max())


def _enlarged(field: Array, shape: tuple[int, int]) -> Array:
    """A field of source positions for a larger picture: offsets scaled, positions doubled with them."""
    here = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1)
    return _enlarged_at(field, shape, here)


def _enlarged_at(field: Array, shape: tuple[int, int], here: Array) -> Array:
    """What `_enlarged` has at some positions, (…, 2) rows and columns."""
    coarse = np.minimum(here * np.array(field.shape[:2]) // np.array(shape), np.array(field.shape[:2]) - 1)
    offset = field[coarse[..., 0], coarse[..., 1]] - coarse
    scale = np.array([shape[0] / field.shape[0], shape[1] / field.shape[1]])
    return np.asarray(np.rint(here + offset * scale).astype(np.int64))


def _rounds(
    picture: Array, hole: Mask, banned: Mask, field: Array | None, rng: np.random.Generator, rounds: int
) -> tuple[Array, Array] | None:
    """Find the nearest patches and let them vote, in turn."""
    height, width = hole.shape
    radius, allowed = _sources(banned)
    side = 2 * radius + 1
    sources = np.argwhere(allowed)
    if len(sources) < 24:
        return None
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    targets = np.argwhere(touched)
    number = np.full((height, width), -1)
    number[touched] = np.arange(len(targets))
    guess = sources[rng.integers(0, len(sources), len(targets))]
    if field is not None:
        old = np.clip(field[touched], 0, (height - 1, width - 1))
        fine = allowed[old[:, 0], old[:, 1]]
        guess[fine] = old[fine]
    for _ in range(rounds):
        check_cancelled()
        padded = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), mode="reflect")
        patches = sliding_window_view(padded, (side, side), axis=(0, 1))
        guess = _search(patches, targets, number, guess, allowed, sources, rng)
        picture = _vote(picture, hole, targets, guess, radius)
    result = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1)
    result[touched] = guess
    return picture, result


def _search(
    patches: Array, targets: Array, number: Array, guess: Array, allowed: Mask, sources: Array, rng: np.random.Generator
) -> Array:
    """Two sweeps of PatchMatch for all targets at once: neighbours' matches shifted, then random ones."""
    height, width = allowed.shape
    wanted = patches[targets[:, 0], targets[:, 1]].reshape(len(targets), -1)

    def cost_of(where: Array, rows: Array) -> Array:
        found = patches[where[:, 0], where[:, 1]].reshape(len(where), -1)
        difference = found - wanted[rows]
        far = (where - targets[rows]) * (_FAR / max(height, width))
        unlike = np.einsum("ij,ij->i", difference, difference) / wanted.shape[1]
        return np.asarray(unlike + np.einsum("ij,ij->i", far, far))

    every = np.arange(len(targets))
    best = cost_of(guess, every)

    def offer(rows: Array, where: Array) -> None:
        inside = ((where >= 0) & (where < (height, width))).all(axis=1)
        rows, where = rows[inside], where[inside]
        free = allowed[where[:, 0], where[:, 1]]
        rows, where = rows[free], where[free]
        cost = cost_of(where, rows)
        better = cost < best[rows]
        best[rows[better]] = cost[better]
        guess[rows[better]] = where[better]

    guess = guess.copy()
    for _ in range(2):
        for step in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            beside = np.clip(targets - step, 0, (height - 1, width - 1))
            neighbour = number[beside[:, 0], beside[:, 1]]
            rows = np.flatnonzero(neighbour >= 0)
            offer(rows, guess[neighbour[rows]] + step)
        offer(every, sources[rng.integers(0, len(sources), len(targets))])
        reach = max(height, width) // 3
        while reach >= 1:
            offer(every, guess + rng.integers(-reach, reach + 1, guess.shape))
            reach //= 4
    return guess


def _vote(picture: Array, hole: Mask, targets: Array, guess: Array, radius: int) -> Array:
    """Each hole pixel becomes the mean of what the patches over it say, the middle of a patch counting most."""
    height, width = hole.shape
    total = np.zeros((height, width, 3), np.float64)
    weight = np.zeros((height, width, 1), np.float64)
    for row in range(-radius, radius + 1):
        for column in range(-radius, radius + 1):
            here = targets + np.array((row, column))
            inside = ((here >= 0) & (here < (height, width))).all(axis=1)
            here, there = here[inside], guess[inside] + np.array((row, column))
            there = np.clip(there, 0, (height - 1, width - 1))
            share = float(np.exp(-(row * row + column * column) / 3.0))
            total[here[:, 0], here[:, 1]] += share * picture[there[:, 0], there[:, 1]]
            weight[here[:, 0], here[:, 1]] += share
    mean = total / np.maximum(weight, 1e-9)
    return np.where(hole[..., None], mean, picture).astype(np.float32)


def _at_full_size(part: Pixels, hole: Mask, filled: Array, field: Array) -> Pixels:
    """In the hole: coarse tones from the small result, fine structure from where its patches were copied from."""
    height, width = part.shape[:2]
    inside = np.argwhere(hole)
    source = np.clip(_enlarged_at(field, (height, width), inside), 0, (height - 1, width - 1))
    factor = max(height / filled.shape[0], width / filled.shape[1])
    fine = part.astype(np.float32) - cv2.GaussianBlur(part, (0, 0), 0.7 * factor).astype(np.float32)
    tones = cv2.resize(filled.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    result = part.copy()
    result[hole] = as_pixels(tones[hole] + fine[source[:, 0], source[:, 1]])
    return result
