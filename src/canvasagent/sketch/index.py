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

from canvasagent.sketch.regions import Array, find_regions, mirrored, signature
from canvasagent.sketch.render import sprite_picture
from canvasagent.sketch.sprite import FOLDER, Sprite, all_sprites, rasterise, shades

HEIGHTS = (26, 38, 56, 84, 128, 200)
"""Heights in pixels at which regions are taken from a sprite."""
BLOB_HEIGHTS = (20, 25, 30, 36, 44, 56, 76, 110, 160)
"""Heights at which whole outlines are taken."""
PALE, PALE_HEIGHTS = "#f6f6f4", (38, 84, 200)
"""A main colour whose light tone can hardly be told from it, and the heights at which regions are taken of it."""
RIMS = (3, 5)
"""Pixels of the rims of outline and paper look in a picture of 512 pixels."""
MARGIN = 8
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
    inner_depth: Array
    """(sprites, INNER) how far from the next other colour, as a share of the height."""
    dense_depth: Array
    rim: Array
    """(sprites, RIM, 2) just outside the outline."""
    rim_class: Array
    """(sprites, RIM) class just inside, which the outside must not have."""
    fixed: Array
    """(sprites, k, 3) RGB of the colours that are the sprite's own."""
    known_share: Array
    """(sprites,) share of the points inside whose colour is the sprite's own."""


@dataclass(frozen=True)
class Table:
    """Regions of sprites as rows, as they are and mirrored."""

    signatures: Array
    """(n, LENGTH) float32."""
    sprite: Array
    """(n,) number of the sprite."""
    mirrored: Array
    """(n,) bool."""
    parts: Array
    """(n, 4) float32: the region's left, top, right, bottom as fractions of the sprite's box."""


@dataclass(frozen=True)
class Index:
    """All sprites: their regions, their whole outlines, and their points."""

    names: tuple[str, ...]
    regions: Table
    """Flat regions within sprites."""
    blobs: Table
    """Whole sprites, also with the rims that looks give them."""
    points: Points
    aspects: Array
    """(sprites,) width by height."""
    classes: tuple[Array, ...]
    """For each sprite the class of every pixel of a drawing of it, (height, width): see `class_map`."""


@cache
def sprite_index(folder: Path = FOLDER) -> Index:
    """The index of a folder of sprites; takes seconds the first time in a process."""
    sprites = all_sprites(folder)
    maps = [class_map(sprite) for sprite in sprites.values()]
    return Index(
        tuple(sprites),
        _table([_regions(sprite) for sprite in sprites.values()]),
        _table([_outlines(sprite) for sprite in sprites.values()]),
        _points(maps),
        np.array([sprite.aspect for sprite in sprites.values()], np.float32),
        tuple(_filled(classes) for classes, _ in maps),
    )


def _table(found: list[tuple[Array, Array]]) -> Table:
    """The signatures and parts of each sprite, and what they are in a mirror."""
    signatures = np.concatenate([rows for rows, _ in found])
    parts = np.concatenate([rows for _, rows in found])
    owners = np.repeat(np.arange(len(found)), [len(rows) for rows, _ in found])
    turned = np.stack([1 - parts[:, 2], parts[:, 1], 1 - parts[:, 0], parts[:, 3]], axis=1)
    return Table(
        np.concatenate([signatures, mirrored(signatures)]),
        np.concatenate([owners, owners]),
        np.arange(2 * len(owners)) >= len(owners),
        np.concatenate([parts, turned]),
    )


def _regions(sprite: Sprite) -> tuple[Array, Array]:
    """Signatures (n, LENGTH) and boxes (n, 4, in fractions) of a sprite's regions at several sizes and tones."""
    signatures: list[Array] = []
    boxes: list[Array] = []
    for height in HEIGHTS:
        for color in (None, PALE) if height in PALE_HEIGHTS else (None,):
            canvas, alpha = _on_ground(sprite, color, height)
            found = find_regions(canvas, least=8, largest=0.999)
            inside = (found.areas >= 0.004 * alpha.size) & _within_alpha(found.boxes, alpha)
            if color:
                inside &= _unlike(found.signatures, signatures[-1])
            signatures.append(found.signatures[inside])
            boxes.append((found.boxes[inside] - MARGIN) / np.array(alpha.shape[::-1] * 2, np.float32))
    return np.concatenate(signatures), np.concatenate(boxes)


def _outlines(sprite: Sprite) -> tuple[Array, Array]:
    """Signatures and boxes of a sprite's whole outline at several sizes, as it is and grown by the looks' rims."""
    signatures: list[Array] = []
    boxes: list[Array] = []
    for height in BLOB_HEIGHTS:
        _, alpha = _on_ground(sprite, None, height)
        solid = np.pad((alpha > 0.06).astype(np.uint8), MARGIN)
        for rim in (0, *RIMS):
            grown = solid
            if rim:
                grown = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
            rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
            box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
            signatures.append(
                signature(np.ascontiguousarray(grown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))
            )
            boxes.append((box - MARGIN) / np.array(alpha.shape[::-1] * 2, np.float32))
    return np.stack(signatures), np.stack(boxes)


def _on_ground(sprite: Sprite, color: str | None, height: int) -> tuple[Array, Array]:
    """A sprite of that height on a ground unlike any of its colours, MARGIN pixels round it, and its alpha, 0 to 1."""
    size = max(2, round(height * sprite.aspect)), height
    pixels = np.asarray(sprite_picture(sprite, color, size, False), dtype=np.float32)
    alpha = pixels[..., 3:] / 255
    ground = np.array(_GROUND, np.float32)
    canvas = np.full((size[1] + 2 * MARGIN, size[0] + 2 * MARGIN, 3), _GROUND, np.uint8)
    canvas[MARGIN:-MARGIN, MARGIN:-MARGIN] = np.rint(pixels[..., :3] * alpha + ground * (1 - alpha))
    return canvas, alpha[..., 0]


def _within_alpha(boxes: Array, alpha: Array) -> Array:
    """Which boxes lie inside the drawing: not the ground round it."""
    height, width = alpha.shape
    whole = boxes - MARGIN
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
    """The class of each pixel of a drawing, (height, width) int, -1 mixed, -2 outside; and the fixed colours (n, 3)."""
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


def _filled(classes: Array) -> Array:
    """Mixed pixels (-1) given the class of the nearest that has one; where lines lie close together they stay."""
    known = (classes >= 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(1 - known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros(int(nearest.max()) + 1, classes.dtype)
    lookup[nearest[known > 0]] = classes[known > 0]
    near = cv2.blur(known.astype(np.float32), (5, 5)) > 0.4 * cv2.blur((classes > -2).astype(np.float32), (5, 5))
    return np.where((classes == -1) & near, lookup[nearest], classes)


def _points(maps: list[tuple[Array, Array]]) -> Points:
    """The points of all sprites, always the same."""
    rows: list[list[Array]] = []
    most = max(len(fixed) for _, fixed in maps)
    for classes, fixed in maps:
        random = np.random.default_rng(1)
        depth = _depth(_filled(classes))
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
