"""Near-duplicates: a perceptual hash that survives re-encoding and resizing, and the groups of pictures that share one.

The hash has 256 bits: the signs, about their median, of the 16 × 16 lowest frequencies (DCT) of the picture in 64 × 64
greys, the mean left out. Pictures are near where at most `NEAR` bits differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

BITS = 256
NEAR = 15
"""Bits in which near-duplicates may differ: one fewer than `_BANDS`, so that two always share a band."""
_SIDE, _LOW, _BANDS = 64, 16, 16


def fingerprint(picture: Image.Image) -> int:
    """The perceptual hash of a picture; transparent parts count as white."""
    if "A" in picture.getbands():
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    grey = np.asarray(picture.convert("L"), np.float32)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[: _LOW + 1, : _LOW + 1]
    waves = np.append(low[:_LOW, :_LOW].reshape(-1)[1:], low[_LOW, 0])
    bits = waves > np.median(waves)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distance(one: int, other: int) -> int:
    """In how many bits two hashes differ."""
    return (one ^ other).bit_count()


def is_near(one: int, other: int) -> bool:
    """Whether two hashes are of the same picture, as far as a viewer would say."""
    return distance(one, other) <= NEAR


def groups(fingerprints: Sequence[int]) -> list[int]:
    """For each hash the position of the first one of its group: what is near the same is in one group.

    Only hashes that share one of 16 bands of 16 bits are compared, which misses none, so that this grows with n.
    """
    first: dict[int, int] = {}
    parent = [first.setdefault(value, at) for at, value in enumerate(fingerprints)]

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for band in range(_BANDS):
        buckets: dict[int, list[int]] = {}
        for value, at in first.items():
            buckets.setdefault(value >> 16 * band & 0xFFFF, []).append(at)
        for members in buckets.values():
            _join(members, fingerprints, parent, root)
    return [root(at) for at in range(len(fingerprints))]


def _join(members: list[int], fingerprints: Sequence[int], parent: list[int], root: Any) -> None:
    """Join what is near in one bucket; the lower position is the root."""
    for place, at in enumerate(members):
        for other in members[:place]:
            first, second = root(at), root(other)
            if first != second and is_near(fingerprints[at], fingerprints[other]):
                parent[max(first, second)] = min(first, second)
