"""What recognition knows of the sprites: the signatures of their regions, and points that tell one from another.

All of it is derived from the sprite files by drawing them; nothing is learnt or stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageColor

from canvasagent.sketch.regions import LENGTH, Array, find_regions, mirrored
from canvasagent.sketch.render import sprite_picture
from canvasagent.sketch.sprite import FOLDER, Sprite, all_sprites, rasterise, shades

HEIGHTS = (26, 38, 56, 84, 128, 200)
"""Heights in pixels at which regions are taken from a sprite."""
TONES = ("main", "main-dark", "main-light")
_GROUND = (255, 0, 255)
_MARK = (200, 60, 214)
"""A main colour that no sprite has of its own: it tells what is main from what is fixed."""
_DRAWN = 160
"""Pixels of the longer side of the drawing from which points are taken."""
MAIN, INNER, DENSE, RIM = 21, 160, 240, 48
"""Points by which the main colour is told; inside flat parts; anywhere inside; just outside the outline."""


@dataclass(frozen=True)
class Points:
    """Places in each sprite, as fractions of its box, and the class of colour each has; rows are sprites.

    Classes 0, 1, 2 are the main colour, its dark and its light tone; from 3 on they are rows of `fixed`.
    """

    main: Array
    """(sprites, MAIN, 2) x, y where the sprite has the tone `main_tone`."""
    main_tone: Array
    """(sprites,) class by which the main colour is told: 0 wherever there is enough of it."""
    inner: Array
    """(sprites, INNER, 2) each a little inside a flat region."""
    inner_class: Array
    """(sprites, INNER)"""
    inner_weight: Array
    """(sprites, INNER) sums to 1: every point and every class counts."""
    dense: Array
    """(sprites, DENSE, 2) anywhere inside: near borders too, to find the exact place by."""
    dense_class: Array
    dense_weight: Array
    rim: Array
    """(sprites, RIM, 2) just outside the outline."""
    rim_class: Array
    """(sprites, RIM) class just inside, which the outside must not have."""
    fixed: Array
    """(sprites, k, 3) RGB of the colours that are the sprite's own."""


@dataclass(frozen=True)
class Index:
    """All sprites: their regions as rows, as they are and mirrored, and their points."""

    names: tuple[str, ...]
    signatures: Array
    """(n, LENGTH) float32."""
    sprite: Array
    """(n,) index into `names`."""
    mirrored: Array
    """(n,) bool."""
    parts: Array
    """(n, 4) float32: the region's left, top, right, bottom as fractions of the sprite's box."""
    points: Points
    aspects: Array
    """(sprites,) width by height."""
    classes: tuple[Array, ...]
    """For each sprite the class of every pixel of a drawing of it, (height, width): see `class_map`."""


@cache
def sprite_index(folder: Path = FOLDER) -> Index:
    """The index of a folder of sprites; takes seconds the first time in a process."""
    sprites = all_sprites(folder)
    signatures, owners, flipped, parts = [], [], [], []
    for number, sprite in enumerate(sprites.values()):
        found, boxes = _regions(sprite)
        signatures += [found, mirrored(found)]
        parts += [boxes, np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)]
        owners.append(np.full(2 * len(found), number))
        flipped += [np.zeros(len(found), bool), np.ones(len(found), bool)]
    maps = [class_map(sprite) for sprite in sprites.values()]
    return Index(
        tuple(sprites),
        np.concatenate(signatures),
        np.concatenate(owners),
        np.concatenate(flipped),
        np.concatenate(parts),
        _points(maps),
        np.array([sprite.aspect for sprite in sprites.values()], np.float32),
        tuple(classes for classes, _ in maps),
    )


def _regions(sprite: Sprite) -> tuple[Array, Array]:
    """Signatures (n, LENGTH) and boxes (n, 4, in fractions) of a sprite's regions at several sizes and tones."""
    signatures: list[Array] = [np.zeros((0, LENGTH), np.float32)]
    boxes: list[Array] = [np.zeros((0, 4), np.float32)]
    for height in HEIGHTS:
        size = max(2, round(height * sprite.aspect)), height
        for color in (None, "#f6f6f4"):
            picture = sprite_picture(sprite, color, size, False)
            canvas = np.full((size[1] + 8, size[0] + 8, 3), _GROUND, np.uint8)
            pixels = np.asarray(picture, dtype=np.float32)
            alpha = pixels[..., 3:] / 255
            canvas[4:-4, 4:-4] = np.rint(pixels[..., :3] * alpha + np.array(_GROUND, np.float32) * (1 - alpha))
            found = find_regions(canvas, least=8, largest=0.999)
            inside = found.areas >= 0.004 * size[0] * size[1]
            place = (found.boxes - 4) / np.array([size[0], size[1]] * 2, np.float32)
            inside &= _within_alpha(found.boxes, alpha[..., 0])
            new = _unlike(found.signatures, signatures[-1]) if color else np.ones(len(found), bool)
            signatures.append(found.signatures[inside & new])
            boxes.append(place[inside & new])
    return np.concatenate(signatures), np.concatenate(boxes)


def _within_alpha(boxes: Array, alpha: Array) -> Array:
    """Which boxes lie inside the drawing: not the ground round it."""
    height, width = alpha.shape
    whole = boxes - 4
    return np.asarray(
        (whole[:, 0] > -1.5) & (whole[:, 1] > -1.5) & (whole[:, 2] < width + 1.5) & (whole[:, 3] < height + 1.5)
    )


def _unlike(signatures: Array, known: Array) -> Array:
    """Which signatures are not among those known."""
    if not len(known):
        return np.ones(len(signatures), bool)
    distance = np.abs(signatures[:, None] - known[None]).max(axis=2).min(axis=1)
    return np.asarray(distance > 0.15)


def class_map(sprite: Sprite) -> tuple[Array, Array]:
    """The class of each pixel of a drawing, (height, width) int: -1 mixed, -2 outside; and the fixed colours (n, 3)."""
    longer = max(1.0, sprite.aspect)
    width, height = max(8, round(_DRAWN * sprite.aspect / longer)), max(8, round(_DRAWN / longer))
    mark = "#{:02x}{:02x}{:02x}".format(*_MARK)
    own = list(dict.fromkeys(ImageColor.getrgb(text)[:3] for text in re.findall(r"#[0-9a-fA-F]{6}", sprite.svg)))
    colors = [ImageColor.getrgb(shades(_MARK)[tone])[:3] for tone in TONES] + own
    pixels = np.asarray(rasterise(sprite.markup(mark), width, height)).astype(np.int16)
    classes = np.full(pixels.shape[:2], -1, np.int16)
    classes[pixels[..., 3] < 128] = -2
    for number, color in enumerate(colors):
        classes[(np.abs(pixels[..., :3] - np.array(color)).max(axis=2) <= 2) & (pixels[..., 3] > 250)] = number
    return classes, np.array(own, np.float32).reshape(-1, 3)


def _points(maps: list[tuple[Array, Array]]) -> Points:
    """The points of all sprites, always the same."""
    rows: list[list[Array]] = []
    most = max(len(fixed) for _, fixed in maps)
    for classes, fixed in maps:
        random = np.random.default_rng(1)
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
                *(fractions(rim), rim_class),
                np.pad(fixed, ((0, most - len(fixed)), (0, 0))),
            ]
        )
    return Points(*(np.stack(column) for column in zip(*rows, strict=True)))


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
