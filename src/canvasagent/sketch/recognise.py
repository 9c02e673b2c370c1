"""Which drawn things are in a picture, and exactly where: from its pixels alone.

Flat regions of the picture are looked up among the regions of all sprites; each likeness is a guess of what stands
where; guesses are tried on points of the sprite, moved to where they fit best, and tried on all pixels; the best
are kept, and what nearer things hide is no fault of what stands behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from canvasagent.geometry import PixelBox
from canvasagent.sketch.daylight import AIRS, Air, undone
from canvasagent.sketch.index import Index
from canvasagent.sketch.match import Guesses, guess, refined, score, together
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

    Always the same for the same pixels. The first call in a process reads the index of sprites.
    """
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
    air = _air(view, guesses, index)
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


def _air(pixels: Array, guesses: Guesses, index: Index) -> Air:
    """Through what the things are seen: under the right air many guesses agree, their fixed colours above all."""
    sample = guesses.at(np.argsort(guesses.doubt, kind="stable")[:400])
    worth = index.points.known_share[sample.sprite]
    best, most = AIRS[0], -1.0
    for air in AIRS:
        scores, _ = score(undone(pixels, air), sample, index, 0.6 * TOLERANCE * air.gain)
        total = float(np.sort((scores - 0.6).clip(0) * worth)[-30:].sum()) + (0.3 if air == AIRS[0] else 0.0)
        if total > most:
            best, most = air, total
    return best


def _likely(picture: Array, guesses: Guesses, index: Index, tolerance: float, most: int = 64) -> Guesses:
    """The likeliest guesses, brought to where they fit best."""
    scores, _ = score(picture, guesses, index, tolerance)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0.35]
    kept: list[int] = []
    for row in order:  # one guess of each kind at each place
        place = guesses.places[row]
        near = [
            other
            for other in kept
            if guesses.sprite[other] == guesses.sprite[row]
            and guesses.mirrored[other] == guesses.mirrored[row]
            and float(np.abs(guesses.places[other] - place).max()) < 0.08 * float(place[2]) + 1
        ]
        if len(near) < 2:
            kept.append(int(row))
        if len(kept) >= most:
            break
    return refined(picture, guesses.at(np.array(kept, dtype=np.intp)), index, tolerance)


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
