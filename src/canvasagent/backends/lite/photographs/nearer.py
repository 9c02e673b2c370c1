"""What stands in front of a thing is no part of it: people before a bus, a rider on a bicycle."""

from __future__ import annotations

from typing import Any

import numpy as np

from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.detector import PhotographedThing, find_things
from canvasagent.backends.lite.photographs.saliency import thing_in
from canvasagent.english.lexicon import lexicon
from canvasagent.imaging.geometry import PixelBox, overlap

Array = np.ndarray[Any, Any]

OWN = 0.6
"""Intersection over union from which a found thing is the one that a box is about."""
WITHIN, SMALLER = 0.6, 0.75
"""Share of a nearer thing's box that lies in the other's, and its largest size beside it."""
MOST = 8
"""So many nearer things, the surest, are cut away at most."""


def without_nearer(mask: Array, pixels: Array, box: PixelBox) -> Array:
    """A thing's boolean mask (height, width) without the people and animals in front of it.

    Of people and animals themselves nothing is cut away. Raises `WeightsError` where a network is damaged.
    """
    if not networks.has(networks.DETECTOR, networks.GRAPH, networks.SALIENCY):
        return mask
    things = find_things(pixels)
    own = max(things, key=lambda thing: overlap(thing.box, box), default=None)
    if own is None or overlap(own.box, box) < OWN or _lives(own):
        return mask
    nearer = [thing for thing in things if _lives(thing) and _in_front(thing.box, box)]
    for thing in nearer[:MOST]:
        other = thing_in(pixels, thing.box)
        if other is not None:
            mask = mask & ~other
    return mask


def _lives(thing: PhotographedThing) -> bool:
    return thing.name == "person" or thing.name in lexicon()["photographed_groups"]["animal"]


def _in_front(one: PixelBox, other: PixelBox) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    size = (one[2] - one[0]) * (one[3] - one[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared > WITHIN * size and size < SMALLER * (other[2] - other[0]) * (other[3] - other[1])
