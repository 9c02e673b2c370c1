"""From flat regions to guesses of what stands where, and how well a guess agrees with the pixels.

A guess is a row (sprite, mirrored, left, top, height) in pixels. It is tried on points of the sprite: inside, each
point must have the colour that its class has (the main colour is read from the picture, its shades follow from it,
and all others are known); just outside the outline it must not go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from canvasagent.sketch.index import Index, Table
from canvasagent.sketch.regions import Array, Regions

NEAREST = 24
"""Index entries that each region is taken for."""
UNLIKE = 12.0
"""Distance of signatures from which nothing is taken for anything."""
SMALLEST = 16.0
"""Pixels of height below which nothing is looked for."""
_BATCH = 600
_FEW, _HOPE = 5, 0.3
"""Every how manieth point is looked at first, and the share of them that must agree."""
_STEPS = (
    [(x, y, 0, 0, 0) for x in (-1, 0, 1) for y in (-1, 0, 1) if not (x and y)]
    + [(0, 0, s, x, y) for s in (-1, 1) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]
    + [(0, 0, s, 0, 0) for s in (-1, 1)]
)
"""Ways to move a guess: right, down, grow, and which side or corner stays when it grows."""


@dataclass(frozen=True)
class Guesses:
    """Guesses as rows of arrays."""

    sprite: Array
    mirrored: Array
    places: Array
    """(n, 3) float32: left, top, height in pixels."""
    doubt: Array
    """(n,) how unlike the region of the picture is to that of the sprite, and more for small ones."""

    def __len__(self) -> int:
        return len(self.sprite)

    def at(self, rows: Array) -> Guesses:
        """Some of them."""
        return Guesses(self.sprite[rows], self.mirrored[rows], self.places[rows], self.doubt[rows])


def guess(regions: Regions, known: Table, index: Index, shape: tuple[int, ...]) -> Guesses:
    """What the regions may belong to, and so where that stands; `shape` is (height, width) of the picture."""
    region, entry, doubt = _alike(regions.signatures, known.signatures)
    box, part = regions.boxes[region], known.parts[entry]
    sprite = known.sprite[entry]
    aspect = index.aspects[sprite]
    size, share = box[:, 2:] - box[:, :2], part[:, 2:] - part[:, :2]
    weight = size**2  # the longer side tells the scale more exactly
    heights = np.stack([size[:, 0] / share[:, 0] / aspect, size[:, 1] / share[:, 1]], axis=1)
    height = (heights * weight).sum(axis=1) / weight.sum(axis=1)
    middle = (box[:, :2] + box[:, 2:]) / 2
    middle_part = (part[:, :2] + part[:, 2:]) / 2
    left = middle[:, 0] - middle_part[:, 0] * height * aspect
    top = middle[:, 1] - middle_part[:, 1] * height
    inside = (left > -0.5 * height * aspect) & (top > -0.5 * height) & (height > SMALLEST)
    inside &= (left + 0.5 * height * aspect < shape[1]) & (top + 0.5 * height < shape[0])
    inside &= (height < 1.3 * shape[0]) & (height * aspect > 6)
    places = np.stack([left, top, height], axis=1).astype(np.float32)
    doubts = doubt + 25 / size.min(axis=1)
    return Guesses(sprite, known.mirrored[entry], places, doubts).at(np.flatnonzero(inside))


def _alike(found: Array, known: Array) -> tuple[Array, Array, Array]:
    """For each signature found its NEAREST among those known: rows of the found, of the known, and how unlike."""
    # |a - b|² = |a|² + |b|² - 2ab: one matrix product instead of an array of all differences.
    distance = (known**2).sum(axis=1)[None] - 2 * (found @ known.T)
    distance += (found**2).sum(axis=1)[:, None]
    near = distance < UNLIKE
    for row in np.flatnonzero(near.sum(axis=1) > NEAREST):
        entries = np.flatnonzero(near[row])
        doubts = distance[row, entries]
        near[row, entries[doubts > np.partition(doubts, NEAREST - 1)[NEAREST - 1]]] = False
    rows, entries = np.nonzero(near)
    return rows, entries, distance[rows, entries]


def together(parts: list[Guesses]) -> Guesses:
    """All of them, those that say nearly the same only once."""
    return _without_twins(
        Guesses(
            np.concatenate([part.sprite for part in parts]),
            np.concatenate([part.mirrored for part in parts]),
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.doubt for part in parts]),
        )
    )


def _without_twins(guesses: Guesses) -> Guesses:
    """Without those that say nearly the same as one before them."""
    step = np.maximum(guesses.places[:, 2:] * 0.02, 1.0)
    rounded = np.rint(np.log(guesses.places[:, 2]) / 0.025).astype(np.int64)
    keys = np.stack(
        [guesses.sprite, guesses.mirrored, rounded, *np.rint(guesses.places[:, :2] / step).astype(np.int64).T]
    )
    _, first = np.unique(keys, axis=1, return_index=True)
    return guesses.at(np.sort(first))


def score(picture: Array, guesses: Guesses, index: Index, tolerance: float, dense: bool = False) -> tuple[Array, Array]:
    """How well each guess agrees with the pixels, (n,) 0 to 1, and the main colour that it sees, (n, 3).

    `picture` is (height, width, 3) float32 in the colours of daylight; `dense` looks at borders more closely.
    """
    scores, mains = np.zeros(len(guesses), np.float32), np.zeros((len(guesses), 3), np.float32)
    for start in range(0, len(guesses), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(guesses)))
        scores[rows], mains[rows] = _score(picture, guesses.at(rows), index, tolerance, dense)
    return scores, mains


def hopeful(picture: Array, guesses: Guesses, index: Index, tolerance: float) -> Array:
    """Which guesses agree with the pixels at some few points, so that it is worth to look at more: row numbers."""
    kept: list[Array] = []
    for start in range(0, len(guesses), 4 * _BATCH):
        rows = np.arange(start, min(start + 4 * _BATCH, len(guesses)))
        share, _, _ = _agreement(picture, guesses.at(rows), index, tolerance, False, _FEW)
        kept.append(rows[share > _HOPE])
    return np.concatenate(kept) if kept else np.zeros(0, np.intp)


def _score(picture: Array, guesses: Guesses, index: Index, tolerance: float, dense: bool) -> tuple[Array, Array]:
    share, main, tones = _agreement(picture, guesses, index, tolerance, dense, 1)
    edge = edges(picture, guesses, index, tones, tolerance)
    return (share + 0.4 * edge if dense else share * np.minimum(edge / 0.9, 1.0) ** 2), main


def _agreement(
    picture: Array, guesses: Guesses, index: Index, tolerance: float, dense: bool, step: int
) -> tuple[Array, Array, Array]:
    """The share of points inside that agree, each `step`th looked at; the main colours; the colours of all classes."""
    points = index.points
    seen, _ = look(picture, guesses, index, points.main[:, :: min(step, 3)])
    main = _main_color(seen, points.main_tone[guesses.sprite])
    tones = all_tones(main, points.fixed[guesses.sprite])
    where, classes, weight, depth, enough = (
        (points.dense, points.dense_class, points.dense_weight, points.dense_depth, 0.7)
        if dense
        else (points.inner, points.inner_class, points.inner_weight, points.inner_depth, 1.0)
    )
    deep = depth[:, ::step][guesses.sprite] * guesses.places[:, 2:]
    # Where hardly any point lies deep inside a colour, mixed ones must do.
    most = np.partition(deep, -(-deep.shape[1] // 2), axis=1)[:, -(-deep.shape[1] // 2)]
    weights = weight[:, ::step][guesses.sprite] * (deep >= np.minimum(most, enough)[:, None])
    slack = tolerance * ((1.6 if dense else 1.0) + 3 * (enough - deep).clip(0))
    seen, there = look(picture, guesses, index, where[:, ::step])
    agrees = (_unlike(seen, tones, classes[:, ::step][guesses.sprite]) <= slack) & there
    return (agrees * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 0.1 / step), main, tones


def edges(picture: Array, guesses: Guesses, index: Index, tones: Array, tolerance: float) -> Array:
    """The share of points just outside the outline that differ from what is inside, (n,)."""
    outside, there = look(picture, guesses, index, index.points.rim)
    differs = _unlike(outside, tones, index.points.rim_class[guesses.sprite]) > 0.6 * tolerance
    return np.asarray((differs | ~there).mean(axis=1))


def all_tones(main: Array, fixed: Array) -> Array:
    """The colours of every class: main colours (n, 3) and fixed ones (n, k, 3) to (n, 3 + k, 3)."""
    return np.concatenate([tones_of(main), fixed], axis=1)


def _unlike(seen: Array, tones: Array, classes: Array) -> Array:
    """By how many levels pixels (n, points, 3) differ from the tones (n, k, 3) of their classes (n, points)."""
    flat = tones.reshape(-1, 3)
    wanted = flat[classes + (np.arange(len(tones)) * tones.shape[1])[:, None]]
    return largest(np.abs(seen - wanted))


def largest(colors: Array) -> Array:
    """The largest of the three channels (..., 3); quicker than numpy's own."""
    return np.asarray(np.maximum(np.maximum(colors[..., 0], colors[..., 1]), colors[..., 2]))


def look(picture: Array, guesses: Guesses, index: Index, at: Array) -> tuple[Array, Array]:
    """The pixels (n, points, 3) at places `at` (sprites, points, 2), and which lie in the picture (n, points)."""
    places, spots = guesses.places, at[guesses.sprite]
    across = np.where(guesses.mirrored[:, None], 1 - spots[..., 0], spots[..., 0])
    wide = places[:, 2:] * index.aspects[guesses.sprite][:, None]
    x = np.floor(places[:, :1] + across * wide).astype(np.int32)
    y = np.floor(places[:, 1:2] + spots[..., 1] * places[:, 2:]).astype(np.int32)
    height, width = picture.shape[:2]
    there = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    flat = np.clip(y, 0, height - 1) * width + np.clip(x, 0, width - 1)
    return np.take(picture.reshape(-1, 3), flat, axis=0), there


def _main_color(seen: Array, tone: Array) -> Array:
    """The main colour, (n, 3), as the median of what is seen where the sprite has it, or its dark or light tone."""
    middle = np.sort(seen, axis=1)[:, seen.shape[1] // 2]
    for number in (1, 2):
        which = tone == number
        if which.any():
            middle[which] = _undone(middle[which], number)
    return middle


def tones_of(main: Array) -> Array:
    """A main colour (n, 3) with its dark and its light tone: (n, 3, 3). The same rule as `sprite.shades`."""
    high, low = main.max(axis=1), main.min(axis=1)
    light = np.clip((high + low) / 510, 0, 1)
    dark = np.where(light > 0.12, light * 0.72, light + 0.10)
    return np.stack([main, _toned(main, light, dark), _toned(main, light, light + (1 - light) * 0.35)], axis=1)


def _toned(color: Array, light: Array, wanted: Array) -> Array:
    """Colours (n, 3) at another lightness, their hue and saturation kept."""
    room, new_room = 1 - np.abs(2 * light - 1), 1 - np.abs(2 * wanted - 1)
    ratio = np.where(room > 1e-3, new_room / np.maximum(room, 1e-3), 0.0)
    return np.asarray(wanted[:, None] * 255 + (color - light[:, None] * 255) * ratio[:, None], dtype=np.float32)


def _undone(tone: Array, number: int) -> Array:
    """The main colour of which `tone` (n, 3) is the dark (1) or light (2) tone."""
    light = np.clip((tone.max(axis=1) + tone.min(axis=1)) / 510, 0, 1)
    main = light / 0.72 if number == 1 else np.clip((light - 0.35) / 0.65, 0, 1)
    return _toned(tone, light, main)


def refined(picture: Array, guesses: Guesses, index: Index, tolerance: float) -> Guesses:
    """Each guess moved and scaled a little to where it agrees best."""
    places = guesses.places.copy()
    if not len(places):
        return guesses
    steps = np.array(_STEPS, np.float32)
    sprite, flipped = np.repeat(guesses.sprite, len(steps)), np.repeat(guesses.mirrored, len(steps))
    doubt = np.repeat(guesses.doubt, len(steps))
    aspect = index.aspects[guesses.sprite]
    for reach in (0.03, 0.03, 0.015, 0.015, 0.007, 0.007):
        unit = np.maximum(places[:, 2] * reach, 0.4)
        options = np.repeat(places[:, None], len(steps), axis=1)
        grown = steps[None, :, 2] * unit[:, None]
        options[..., 2] += grown
        options[..., 0] += steps[None, :, 0] * unit[:, None] - grown * aspect[:, None] * (0.5 + steps[None, :, 3])
        options[..., 1] += steps[None, :, 1] * unit[:, None] - grown * (0.5 + steps[None, :, 4])
        tried = Guesses(sprite, flipped, options.reshape(-1, 3), doubt)
        scores, _ = score(picture, tried, index, tolerance, dense=True)
        scores = scores.reshape(len(places), -1) - 1e-4 * np.abs(steps).sum(axis=1)  # stay where nothing is won
        places = options[np.arange(len(places)), scores.argmax(axis=1)]
    return Guesses(guesses.sprite, guesses.mirrored, places, guesses.doubt)
