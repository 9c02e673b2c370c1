"""Which of the things in a drawing lies before which: told by whose colours are seen where two overlap."""

from __future__ import annotations

import numpy as np

from canvasagent.sketch.item import Box, Item
from canvasagent.sketch.render import sprite_picture
from canvasagent.sketch.setting import Array


def ordered(items: list[Item], clear: Array) -> list[int]:
    """Indices of the items, the farthest first: where two overlap, the one whose colours are seen is nearer."""
    order = list(range(len(items)))
    for _ in range(len(items)):
        moved = False
        for back in range(len(order)):
            for front in range(back + 1, len(order)):
                if _hides(items[order[back]], items[order[front]], clear):
                    order.insert(front, order.pop(back))
                    moved = True
                    break
        if not moved:
            break
    return order


def _hides(one: Item, other: Item, clear: Array) -> bool:
    """Whether `one` clearly lies before `other`."""
    left, top = (max(one.box[axis], other.box[axis], 0) for axis in (0, 1))
    right = min(one.box[2], other.box[2], clear.shape[1])
    bottom = min(one.box[3], other.box[3], clear.shape[0])
    if right - left < 2 or bottom - top < 2:
        return False
    window = left, top, right, bottom
    (first, first_alpha), (second, second_alpha) = _crop(one, window), _crop(other, window)
    shared = (first_alpha > 250) & (second_alpha > 250) & (np.abs(first - second).max(axis=2) > 24)
    if shared.sum() < 6:
        return False
    seen = clear[top:bottom, left:right][shared]
    mine = (np.abs(seen - first[shared]).max(axis=1) < 12).sum()
    its = (np.abs(seen - second[shared]).max(axis=1) < 12).sum()
    return bool(mine > its)


def _crop(item: Item, window: Box) -> tuple[Array, Array]:
    """The colours (h, w, 3) and the alpha (h, w) of an item's own picture within a window."""
    left, top, right, bottom = item.box
    place = item.placement
    thing = sprite_picture(place.sprite, place.color, (right - left, bottom - top), place.mirrored)
    part = np.asarray(thing.crop((window[0] - left, window[1] - top, window[2] - left, window[3] - top)), np.float32)
    return part[..., :3], part[..., 3]
