"""Points of sprites by which one is told from another, and the class of colour of every pixel of a drawing of them."""

from __future__ import annotations

import re

import cv2
import numpy as np
from PIL import ImageColor

from canvasagent.sketch.index import Points
from canvasagent.sketch.regions import Array
from canvasagent.sketch.sprite import Sprite, rasterise, shades

TONES = ("main", "main-dark", "main-light")
_MARK = (200, 60, 214)
"""A main colour that no sprite has of its own: it tells what is main from what is fixed."""
DRAWN = 192
"""Pixels of the longer side of the drawings from which points are taken."""
MAIN, INNER, DENSE, RIM = 21, 160, 240, 48
"""Points by which the main colour is told; inside flat parts; anywhere inside; just outside the outline."""


def class_map(sprite: Sprite) -> tuple[Array, Array]:
    """The class of each pixel of a drawing, (height, width) int, -1 mixed, -2 outside; and the fixed colours (n, 3)."""
    width, height = _size(sprite)
    mark = "#{:02x}{:02x}{:02x}".format(*_MARK)
    own = list(dict.fromkeys(ImageColor.getrgb(text)[:3] for text in re.findall(r"#[0-9a-fA-F]{6}", sprite.svg)))
    colors = [ImageColor.getrgb(shades(_MARK)[tone])[:3] for tone in TONES] + own
    pixels = np.asarray(rasterise(sprite.markup(mark), width, height)).astype(np.int16)
    classes = np.full(pixels.shape[:2], -1, np.int16)
    classes[pixels[..., 3] < 128] = -2
    for number, color in enumerate(colors):
        classes[(np.abs(pixels[..., :3] - np.array(color)).max(axis=2) <= 2) & (pixels[..., 3] > 250)] = number
    return classes, np.array(own, np.float32).reshape(-1, 3)


def layers_of(sprite: Sprite) -> Array:
    """What a drawing of a sprite is made of, (height, width, 7) uint8: how much each of the tones covers, how much
    everything does, and the colours that are its own, multiplied by how much they cover.

    The drawing in any main colour is the sum of its tones, each times its cover, and of the sprite's own colours.
    """
    ground = _in_tones(sprite, {})
    covers = [_in_tones(sprite, {tone: "#ffffff"})[..., 0] - ground[..., 0] for tone in TONES]
    return np.dstack([*(cover.clip(0, 255) for cover in covers), ground[..., 3], ground[..., :3]]).astype(np.uint8)


def _in_tones(sprite: Sprite, colors: dict[str, str]) -> Array:
    """A drawing with some of the tones in colours, the others black: RGBA (height, width, 4), premultiplied."""
    markup = sprite.svg
    for tone in TONES:
        markup = markup.replace("{" + tone + "}", colors.get(tone, "#000000"))
    return np.asarray(rasterise(markup, *_size(sprite)).convert("RGBa")).astype(np.int16)


def _size(sprite: Sprite) -> tuple[int, int]:
    longer = max(1.0, sprite.aspect)
    return max(8, round(DRAWN * sprite.aspect / longer)), max(8, round(DRAWN / longer))


def filled(classes: Array) -> Array:
    """Mixed pixels (-1) given the class of the nearest that has one; where lines lie close together they stay."""
    known = (classes >= 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(1 - known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros(int(nearest.max()) + 1, classes.dtype)
    lookup[nearest[known > 0]] = classes[known > 0]
    near = cv2.blur(known.astype(np.float32), (5, 5)) > 0.4 * cv2.blur((classes > -2).astype(np.float32), (5, 5))
    return np.where((classes == -1) & near, lookup[nearest], classes)


def points_of(maps: list[tuple[Array, Array]]) -> Points:
    """The points of all sprites, always the same."""
    rows: list[list[Array]] = []
    most = max(len(fixed) for _, fixed in maps)
    for classes, fixed in maps:
        random = np.random.default_rng(1)
        depth = _depth(filled(classes))
        inner, inner_class = _inner(classes, random)
        at = np.argwhere(classes >= 0)
        dense = at[random.permutation(len(at))[np.arange(DENSE) % len(at)]]
        dense_class = classes[dense[:, 0], dense[:, 1]]
        rim, rim_class = _rim(classes, random)
        tone = next((number for number in (0, 1, 2) if (inner_class == number).sum() >= 4), 0)
        main = inner[inner_class == tone] if (inner_class == tone).any() else inner
        main = main[np.linspace(0, len(main) - 1, MAIN).round().astype(int)]
        scale = np.array(classes.shape[::-1], np.float32)

        def fractions(places: Array, scale: Array = scale) -> Array:
            return np.asarray((places[:, ::-1] + 0.5) / scale, np.float32)

        rows.append(
            [
                *(fractions(main), np.array(tone)),
                *(fractions(inner), inner_class, _weights(inner_class)),
                *(fractions(dense), dense_class, _weights(dense_class)),
                *(depth[inner[:, 0], inner[:, 1]], depth[dense[:, 0], dense[:, 1]]),
                *(fractions(rim), rim_class),
                np.pad(fixed, ((0, most - len(fixed)), (0, 0))),
                np.array((inner_class > 2).mean()),
            ]
        )
    return Points(*(np.stack(column) for column in zip(*rows, strict=True)))


def _depth(classes: Array) -> Array:
    """How far each pixel is from the next of another class, as a share of the drawing's height."""
    padded = np.pad(classes, 1, constant_values=-2)
    depth = np.zeros(padded.shape, np.float32)
    for number in np.unique(classes[classes >= 0]):
        mask = padded == number
        depth[mask] = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)[mask]
    return np.asarray(depth[1:-1, 1:-1] / len(classes))


def _weights(classes: Array) -> Array:
    """Weights of points that sum to 1, half of it shared by all points alike, half by all classes alike."""
    kinds, which, counts = np.unique(classes, return_inverse=True, return_counts=True)
    return np.asarray(0.5 / len(classes) + 0.5 / (len(kinds) * counts[which]), np.float32)


def _inner(classes: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """INNER places (y, x) away from borders, of each class by the root of its area, and their classes."""
    kernel = np.ones((5, 5), np.uint8)
    places: dict[int, Array] = {}
    for number in range(int(classes.max()) + 1):
        mask = (classes == number).astype(np.uint8)
        deep = np.argwhere(cv2.erode(mask, kernel, borderValue=0))
        if len(deep) < 6:
            deep = np.argwhere(cv2.erode(mask, kernel[:3, :3], borderValue=0))
        if len(deep) >= 6:
            places[number] = deep[random.permutation(len(deep))]
    if not places:
        places = {int(c): np.argwhere(classes == c) for c in np.unique(classes[classes >= 0])}
    roots = {number: len(deep) ** 0.5 for number, deep in places.items()}
    picked, numbers = [], []
    for number, deep in places.items():
        count = max(4, round(INNER * roots[number] / sum(roots.values())))
        picked.append(deep[np.arange(count) % len(deep)])
        numbers.append(np.full(count, number))
    at, kind = np.concatenate(picked), np.concatenate(numbers)
    keep = np.sort(random.permutation(len(at))[:INNER]) if len(at) >= INNER else np.arange(INNER) % len(at)
    return at[keep], kind[keep]


def _rim(classes: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """RIM places (y, x) just outside the outline, and the class of the nearest place inside."""
    border = 8
    padded = np.pad(classes, border, constant_values=-2)
    filled = (padded > -2).astype(np.uint8)
    near = cv2.dilate(filled, np.ones((7, 7), np.uint8)) - cv2.dilate(filled, np.ones((5, 5), np.uint8))
    known = np.where(padded >= 0, 0, 1).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros(int(nearest.max()) + 1, np.int16)
    lookup[nearest[known == 0]] = padded[known == 0]
    at = np.argwhere(near)
    at = at[random.permutation(len(at))[:RIM]]
    at = at[np.arange(RIM) % len(at)]
    return at - border, lookup[nearest[at[:, 0], at[:, 1]]]
