"""Which drawn things are in a picture, and exactly where: from its pixels alone.

Flat regions of the picture are looked up among the regions of all sprites; each likeness is a guess of what stands
where; guesses are tried on points of the sprite, moved to where they fit best, and tried on all pixels; the best
are kept, and what nearer things hide is no fault of what stands behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.sketch.daylight import AIRS, Air, beyond, undone
from canvasagent.sketch.index import Index
from canvasagent.sketch.match import Guesses, guess, hopeful, refined, score, together
from canvasagent.sketch.regions import Array, find_blobs, find_regions, joined, smooth
from canvasagent.sketch.settle import Settled, settle
from canvasagent.sketch.stored import sprite_index

SIDE = 640
"""Things are looked for in a copy whose longer side is at most this many pixels."""
SMALL = 64
"""Pictures with a shorter side than this are too small to tell things in."""
FLAT = 0.80
"""Share of a drawing that is flat; photographs with less are not looked at any further."""
TOLERANCE = 9.0
"""Levels by which a colour may differ from what it should be, by day."""

BEYOND = 0.05
"""Share of a picture that may have colours which nothing has under an air: words and marks laid over it."""
DOUBTFUL = 1.0
"""Agreement of guesses below which an air is not taken for sure."""
CROWD = 8
"""Guesses at much the same place that are looked at closely."""


@dataclass(frozen=True)
class Thing:
    """A drawn thing that was recognised."""

    name: str
    """The sprite's."""
    box: PixelBox
    """Its whole box in pixels, hidden parts included."""
    score: float
    """0 to 1."""
    color: str
    """Its main colour as #rrggbb, as it is by day."""
    mirrored: bool
    mask: Image.Image = field(repr=False, compare=False)
    """What can be seen of it: L, 0 or 255, size of the picture."""


@dataclass(frozen=True)
class Recognised:
    """What was recognised in a picture."""

    things: list[Thing]
    """Best first."""
    drawn: bool
    """Whether the picture is flat enough to be a drawing of this world."""
    air: Air = AIRS[0]
    """Night and weather, as far as the colours of things tell."""


def looks_drawn(picture: Image.Image) -> bool:
    """Whether a picture is mostly flat colour, as drawings are; quick, and nearly always False for photographs."""
    pixels = _pixels(picture, 512)
    return min(pixels.shape[:2]) >= SMALL and _flatness(cv2.medianBlur(pixels, 5)) >= FLAT


def recognise(picture: Image.Image) -> Recognised:
    """The drawn things in a picture of any mode, best first; none where it does not look drawn.

    Always the same for the same pixels. The first call in a process reads the index of sprites, and the last few
    pictures are remembered: who looks for a thing often asks for its outline next.
    """
    whole = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    return _remembered(whole.mode, whole.size, whole.tobytes())


def forget() -> None:
    """Let go of the remembered pictures."""
    _remembered.cache_clear()


@lru_cache(maxsize=4)
def _remembered(mode: str, size: Size, data: bytes) -> Recognised:
    return _recognised(Image.frombytes(mode, size, data))


def _recognised(picture: Image.Image) -> Recognised:
    pixels = _pixels(picture, SIDE)
    if min(pixels.shape[:2]) < SMALL:
        return Recognised([], False)
    softened = cv2.medianBlur(pixels, 5)
    if _flatness(softened) < FLAT:
        return Recognised([], False)
    index = sprite_index()
    grain = _grain(pixels)
    view = _without_grain(pixels) if grain else pixels
    sources = [(view, 2), (softened, 4)]
    regions = joined([find_regions(source, tolerance) for source, tolerance in sources])
    blobs = joined([find_blobs(source, tolerance) for source, tolerance in sources])
    guesses = together(
        [
            guess(regions, index.regions, index, pixels.shape),
            guess(blobs, index.blobs, index, pixels.shape),
        ]
    )
    air = _air(view, softened, guesses, index)
    clear = undone(view, air)
    tolerance = TOLERANCE * (air.gain if grain else air.gain**0.6)
    fits = settle(clear, _likely(clear, guesses, index, tolerance), index, tolerance)
    return Recognised([_thing(fit, index, pixels.shape, picture.size) for fit in fits], True, air)


def _pixels(picture: Image.Image, side: int) -> Array:
    """RGB of the picture on mid-grey, (height, width, 3) uint8, its longer side at most `side`."""
    if "A" in picture.getbands():
        ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
        picture = Image.alpha_composite(ground, picture.convert("RGBA"))
    pixels = np.asarray(picture.convert("RGB"))
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return pixels


def _flatness(pixels: Array) -> float:
    return float(smooth(pixels, 4).mean())


def _grain(pixels: Array) -> bool:
    """Whether neighbours in flat parts differ a little everywhere, as paper and JPEG make them."""
    return float(smooth(pixels, 2).mean()) < 0.6


def _without_grain(pixels: Array) -> Array:
    """The picture without fine noise, its borders kept."""
    return np.asarray(cv2.bilateralFilter(cv2.bilateralFilter(pixels, 5, 20, 2), 5, 10, 2))


def _air(pixels: Array, softened: Array, guesses: Guesses, index: Index) -> Air:
    """Through what the things are seen: under the right air many guesses agree, their fixed colours above all."""
    small = softened[::4, ::4]
    possible = [(air, share) for air in AIRS if (share := beyond(small, air)) < BEYOND]
    if len(possible) == 1:
        return possible[0][0]
    sample = guesses.at(_varied(guesses))
    totals: list[float] = []
    likely: list[Guesses] = []
    for air, share in possible:
        clear, tolerance = undone(pixels, air), 0.6 * TOLERANCE * air.gain
        hoped = sample.at(hopeful(clear, sample, index, tolerance))
        scores, _ = score(clear, hoped, index, tolerance)
        totals.append(_agreement(hoped, scores, index) - 10.0 * share)
        order = np.argsort(-scores, kind="stable")
        likely.append(hoped.at(order[_spread(hoped.at(order), index, 12, 1)]))
    if max(totals) < DOUBTFUL:  # few things: each is looked at closely
        for number, (air, share) in enumerate(possible):
            clear, tolerance = undone(pixels, air), 0.6 * TOLERANCE * air.gain
            moved = refined(clear, likely[number], index, tolerance)
            totals[number] += _agreement(moved, score(clear, moved, index, tolerance)[0], index) - 10.0 * share
    return max(zip(totals, possible, strict=True), key=lambda pair: pair[0] + 0.02 * (pair[1][0] == AIRS[0]))[1][0]


def _agreement(guesses: Guesses, scores: Array, index: Index) -> float:
    """How well the best of the guesses agree, those most that know colours of their own."""
    return float(
        np.sort(4 * (scores - 0.7).clip(0) ** 2 * (index.points.known_share[guesses.sprite] + 0.3))[-30:].sum()
    )


def _varied(guesses: Guesses, each: int = 10, most: int = 800) -> Array:
    """Rows of the guesses of least doubt, few of them of the same size at the same place."""
    size = np.rint(np.log2(guesses.places[:, 2]) * 2)
    cells = np.stack([size, *np.floor(guesses.places[:, :2] / guesses.places[:, 2:] * 2).T], axis=1)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    order = np.lexsort((guesses.doubt, cell))
    first = np.searchsorted(cell[order], cell[order])
    few = order[np.arange(len(order)) - first < each]
    return np.asarray(few[np.argsort(guesses.doubt[few], kind="stable")][:most])


def _likely(picture: Array, guesses: Guesses, index: Index, tolerance: float, most: int = 64) -> Guesses:
    """The likeliest guesses, brought to where they fit best."""
    guesses = guesses.at(hopeful(picture, guesses, index, tolerance))
    scores, _ = score(picture, guesses, index, tolerance)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0.35]
    kept = _spread(guesses.at(order), index, most)
    return refined(picture, guesses.at(order[kept]), index, tolerance)


def _spread(guesses: Guesses, index: Index, most: int, crowd: int = CROWD) -> Array:
    """Rows of the first guesses, at most two of each kind at each place, and some few of all kinds."""
    wide = guesses.places[:, 2] * index.aspects[guesses.sprite]
    boxes = np.stack(
        [
            guesses.places[:, 0],
            guesses.places[:, 1],
            guesses.places[:, 0] + wide,
            guesses.places[:, 1] + guesses.places[:, 2],
        ],
        axis=1,
    )
    area = wide * guesses.places[:, 2]
    kind = guesses.sprite * 2 + guesses.mirrored
    kept: list[int] = []
    for row in range(len(guesses)):
        others = np.array(kept, np.intp)
        low, high = np.maximum(boxes[others, :2], boxes[row, :2]), np.minimum(boxes[others, 2:], boxes[row, 2:])
        shared = (high - low).clip(0).prod(axis=1)
        likeness = shared / (area[others] + area[row] - shared)
        if ((likeness > 0.8) & (kind[others] == kind[row])).sum() < 2 and (likeness > 0.5).sum() < crowd:
            kept.append(row)
        if len(kept) >= most:
            break
    return np.array(kept, np.intp)


def _thing(settled: Settled, index: Index, shape: tuple[int, ...], size: tuple[int, int]) -> Thing:
    across, down = size[0] / shape[1], size[1] / shape[0]
    fit = settled.fit
    left, top, right, bottom = fit.box
    mask = np.zeros(shape[:2], np.uint8)
    mask[fit.window] = settled.mask * np.uint8(255)
    whole = Image.fromarray(mask)
    if whole.size != size:
        whole = whole.resize(size, Image.Resampling.BILINEAR).point([0] * 128 + [255] * 128)
    color = "#{:02x}{:02x}{:02x}".format(*(int(value) for value in np.clip(np.rint(fit.color), 0, 255)))
    box = (left * across, top * down, right * across, bottom * down)
    return Thing(index.names[fit.sprite], box, round(settled.score, 4), color, fit.mirrored, whole)
