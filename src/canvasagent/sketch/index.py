"""What recognition knows of the sprites: the signatures of their regions, and points that tell one from another.

All of it is derived from the sprite files by drawing them (`survey.py`, `points.py`); nothing is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

from canvasagent.sketch.regions import Array


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
    covers: tuple[Array, ...]
    """For each sprite how much the tones cover, and how much everything, (height, width, 4): see `layers_of`."""
    own: tuple[Array, ...]
    """For each sprite the colours that are its own, (height, width, 3)."""
