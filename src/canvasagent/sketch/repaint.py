"""From a drawing that was read and one that was revised to the picture: only what the revision changes is drawn anew.

Both are rendered; where they differ, the revised one is laid over the picture. What the picture has that no render
explains (grain, drops, words across it, things unknown here) is carried over.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw

from canvasagent.sketch.atmosphere import fall
from canvasagent.sketch.item import Item, paste
from canvasagent.sketch.reading import Drawing, grown
from canvasagent.sketch.render import grain
from canvasagent.sketch.setting import Array

Fill = Callable[[Array, Array], Array]
"""Fills a hole (height, width) of a picture (height, width, 3) from around it."""

EDGE = 3
"""Pixels round a thing in which its soft edge may still be seen."""
NOISE = 12
"""Levels up to which the picture may differ from its render by grain alone."""
FOREIGN = 24
"""Levels from which it shows something else."""
FALLING = {"rain": (205, 218, 236), "snow": (255, 255, 255)}
_LEAST_FALL = 0.3


def paint(drawing: Drawing) -> Array:
    """A drawing rendered: (height, width, 3) uint8. Drops, flakes, grain and words across it are not part of it."""
    picture = drawing.setting.picture(drawing.size)
    for item in drawing.items:
        paste(picture, item, (0, 0), drawing.setting.look, min(drawing.size))
    return np.asarray(drawing.setting.through_air(picture))


def repainted(before: Drawing, after: Drawing, fill: Fill, seed: int) -> Array:
    """The pixels of `before` with what `after` makes otherwise."""
    if not before.setting.known:
        return _over(before, after, fill)
    old, new = paint(before), paint(after)
    if before.setting != after.setting:
        return _all_anew(before, after, old, new, seed)
    gone, come = _without(before, after), _without(after, before)
    left_behind = grown(_cover(before, gone), EDGE)
    inside = left_behind | _cover(after, come)
    zone = (old != new).any(axis=2) | left_behind
    rest = before.pixels.astype(np.int16) - old
    explained = np.abs(rest).max(axis=2) <= NOISE
    carried = new.astype(np.int16) + np.where((explained | ~inside)[..., None], rest, 0)
    result = np.clip(carried, 0, 255).astype(np.uint8)
    result = _with_fall(result, inside & ~explained, _fallen(before, old), before)
    return np.where(zone[..., None], result, before.pixels)


def _without(one: Drawing, other: Drawing) -> list[Item]:
    """Items of one drawing that the other does not have as they are."""
    return [item for item in one.items if not any(item is same or _same(item, same) for same in other.items)]


def _same(one: Item, other: Item) -> bool:
    first, second = one.placement, other.placement
    return (one.box, first.sprite.info.name, first.color, first.mirrored, first.place, id(one.label)) == (
        other.box, second.sprite.info.name, second.color, second.mirrored, second.place, id(other.label),
    )  # fmt: skip


def _cover(drawing: Drawing, items: list[Item]) -> Array:
    """Where any of the items is, hidden or not: (height, width) bool."""
    mask = np.zeros(drawing.pixels.shape[:2], bool)
    rim = 3 if drawing.setting.look == "flat" else 3 + round(0.03 * min(drawing.size))
    for item in items:
        mask |= item.alpha(drawing.size) > 0
    return grown(mask, rim - 2) if items else mask


def _fallen(drawing: Drawing, painted: Array) -> Array:
    """How far drops or flakes cover each pixel: (height, width) float32, 0 where none does."""
    color = FALLING.get(drawing.setting.weather or "")
    if color is None:
        return np.zeros(painted.shape[:2], np.float32)
    toward = np.array(color, np.float32) - painted
    rest = drawing.pixels.astype(np.float32) - painted
    share = (rest * toward).sum(axis=2) / np.maximum((toward**2).sum(axis=2), 1.0)
    left_over = np.abs(rest - share[..., None] * toward).max(axis=2)
    return np.where((share > _LEAST_FALL) & (share <= 1.02) & (left_over <= 8), np.clip(share, 0, 1), 0)


def _with_fall(pixels: Array, where: Array, share: Array, drawing: Drawing) -> Array:
    """The drops or flakes of the picture over new pixels."""
    color = FALLING.get(drawing.setting.weather or "")
    if color is None:
        return pixels
    weight = np.where(where, share, 0)[..., None]
    return np.asarray(np.rint(pixels * (1 - weight) + np.array(color, np.float32) * weight).astype(np.uint8))


def _all_anew(before: Drawing, after: Drawing, old: Array, new: Array, seed: int) -> Array:
    """Everything drawn in another setting; what no render explains is relit, words across the picture stay."""
    falls, weather = _fallen(before, old), after.setting.weather if after.setting.outdoors else None
    rest = np.abs(before.pixels.astype(np.int16) - old).max(axis=2)
    foreign = _patches((rest > FOREIGN) & (falls == 0))
    picture = Image.fromarray(new)
    if weather is not None and weather == before.setting.weather:
        picture = Image.fromarray(_with_fall(new, falls > 0, falls, before))
    elif weather is not None:
        picture = fall(picture, weather, seed)
    if after.setting.look == "paper":
        picture = grain(picture, seed)
    result, bands = np.asarray(picture), _bands(before.pixels, old)
    if not (foreign | bands).any():
        return result
    rows = len(old)
    (factor, offset), (new_factor, new_offset) = before.setting.air(rows), after.setting.air(rows)
    relit = (before.pixels - offset) / factor * new_factor + new_offset
    relit = np.clip(np.rint(relit), 0, 255).astype(np.uint8)
    result = np.where(foreign[..., None], relit, result)
    return np.where(bands[..., None], before.pixels, result)


def _patches(mask: Array) -> Array:
    """The larger connected parts of a mask, a little grown: soft edges and specks are left out."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    large = stats[:, cv2.CC_STAT_AREA] >= max(24, 0.0006 * mask.size)
    large[0] = False
    return grown(large[labels], 2) & grown(mask, 1) if count > 1 else np.zeros(mask.shape, bool)


def _bands(pixels: Array, old: Array) -> Array:
    """Where a banner or a caption lies across the picture: they were put on it last, and no light changes them."""
    height, width = pixels.shape[:2]
    mask = Image.new("L", (width, height))
    for at, color in ((0.05, (184, 53, 47)), (0.86, (247, 244, 234))):
        box = (0.06 * width, at * height, 0.94 * width, (at + 0.1) * height)
        window = slice(round(box[1]), round(box[3])), slice(round(box[0]), round(box[2]))
        seen, expected = (
            (np.abs(part[window].astype(np.int16) - color).max(axis=2) <= 5).mean() for part in (pixels, old)
        )
        if seen > 0.4 and expected < 0.2:
            ImageDraw.Draw(mask).rounded_rectangle(box, radius=0.015 * min(width, height), fill=255)
    return np.asarray(mask) > 0


def _over(before: Drawing, after: Drawing, fill: Fill) -> Array:
    """Where it is unknown what is behind things: holes are filled from around, and new things laid over."""
    gone, come = _without(before, after), _without(after, before)
    pixels = before.pixels
    if gone:
        hole = grown(_cover(before, gone), EDGE)
        for item in gone:
            left, _, right, bottom = item.box
            reach = max(2, round(0.08 * (right - left)))
            hole[max(bottom - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = True
        pixels = fill(pixels, hole)
    if not come and not gone:
        return pixels
    factor, offset = before.setting.air(len(pixels))
    clear = Image.fromarray(np.clip(np.rint((pixels - offset) / factor), 0, 255).astype(np.uint8))
    touched, canvas = _cover(before, gone) | _cover(after, come), clear.copy()
    for item in after.items:
        if any(item is new for new in come) or bool((touched & (item.alpha(after.size) > 0)).any()):
            paste(canvas, item, (0, 0), after.setting.look, min(after.size))
            touched |= item.alpha(after.size) > 0
    changed = (np.asarray(canvas) != np.asarray(clear)).any(axis=2)
    return np.where(changed[..., None], np.asarray(after.setting.through_air(canvas)), pixels)
