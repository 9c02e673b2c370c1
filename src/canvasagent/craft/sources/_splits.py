"""Which split something belongs to: by its hash, so that it never moves."""

from __future__ import annotations

import hashlib

from canvasagent.craft.pictures import Split

_UP_TO: tuple[tuple[Split, int], ...] = (("test", 10), ("validation", 20), ("train", 100))
"""Up to which of a hundred parts each split has."""


def split_of(what: str) -> Split:
    """The split that something belongs to."""
    part = int.from_bytes(hashlib.sha256(what.encode()).digest()[:4], "big") % 100
    return next(split for split, up_to in _UP_TO if part < up_to)
