"""Edits of drawn pictures in terms of their things: what a revision is asked, and what revisions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from canvasagent.backends.lite.edits._job import Job, Mask, Pixels, Where
from canvasagent.backends.lite.edits._things import riders, the
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.item import Item
from canvasagent.sketch.layout import MARGIN, STANDING, add_to, natural_share
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.reading import Drawing, visible
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.scene import Group, Scene
from canvasagent.sketch.sprite import Place, Sprite, all_sprites

ONLY_DRAWN = (
    "works on pictures of the drawn world (made by ImageGeneration here), and this is none; `--profile full` can do it "
    "on any picture."
)


@dataclass(frozen=True)
class Request:
    """What an edit of a drawn picture is asked to do."""

    drawing: Drawing
    where: Where
    values: Mapping[str, str]
    strength: float
    sign: int
    clause: str
    seed: int
    mask: Mask | None = None
    """The mask that came with the call."""

    def targets(self) -> tuple[int, ...] | None:
        """The things that the edit is about; None where it is about none of the drawn world."""
        if self.where.inverse:
            spared = the(self.drawing, self.where.name) if self.where.kind == "object" else None
            everything = range(len(self.drawing.items))
            return None if spared is None else tuple(index for index in everything if index not in spared)
        if self.where.kind == "object":
            found = the(self.drawing, self.where.name)
            return found if found is None or self.mask is None else self._masked(found)
        if self.where.kind == "subject" and self.drawing.items:
            areas = [(visible(self.drawing, index).sum(), index) for index in range(len(self.drawing.items))]
            return (max(areas)[1],)
        if self.mask is not None and self.where.kind in ("whole", "masked"):
            return self._masked(range(len(self.drawing.items))) or None
        return None

    def _masked(self, indices: Sequence[int]) -> tuple[int, ...]:
        """Those of the things that mostly lie within the mask."""
        found = []
        for index in indices:
            shown = visible(self.drawing, index)
            if self.mask is not None and shown.any() and self.mask[shown].mean() > 0.6:
                found.append(index)
        return tuple(found)


def not_on_photographs(pixels: Pixels, job: Job) -> Pixels:
    """The `apply` of edits that only drawn pictures have."""
    raise ToolRefusal(f"'{job.values.get('said', 'this edit')}' {ONLY_DRAWN}")


def without(drawing: Drawing, indices: Sequence[int]) -> Drawing:
    """The drawing without some things."""
    return replace(drawing, items=tuple(item for index, item in enumerate(drawing.items) if index not in indices))


def with_item(drawing: Drawing, index: int, item: Item) -> Drawing:
    """The drawing with another item in the place of one."""
    items = list(drawing.items)
    items[index] = item
    return replace(drawing, items=tuple(items))


def shifted(drawing: Drawing, indices: Sequence[int], across: float, down: float) -> Drawing:
    """The drawing with some things moved by whole pixels."""
    items = list(drawing.items)
    for index in indices:
        place = items[index].placement
        moved = replace(place, left=place.left + round(across), top=place.top + round(down))
        items[index] = replace(items[index], placement=moved)
    return replace(drawing, items=tuple(items))


def family(drawing: Drawing, index: int) -> list[int]:
    """A thing and what stands on it, and on that."""
    found, waiting = [index], [index]
    while waiting:
        for rider in riders(drawing, waiting.pop()):
            if rider not in found:
                found.append(rider)
                waiting.append(rider)
    return found


def resized(placement: Placement, factor: float, size: tuple[int, int]) -> Placement:
    """A thing larger or smaller, its feet (or, of what hangs, its middle) where they were, within the picture."""
    margin = round(MARGIN * min(size))
    factor = min(factor, (size[1] - margin) / placement.height, (size[0] - 2 * margin) / placement.width)
    wide, tall = max(6, round(placement.width * factor)), max(6, round(placement.height * factor))
    middle = placement.left + placement.width / 2
    standing = placement.place in SHADED
    top = placement.bottom - tall if standing else placement.top + (placement.height - tall) / 2
    left = min(max(round(middle - wide / 2), margin), max(size[0] - margin - wide, margin))
    top = min(max(round(top), min(margin, round(placement.top))), max(size[1] - margin - tall, round(top) - tall))
    return replace(placement, left=left, top=top, width=wide, height=tall)


def place_of(drawing: Drawing, item: Item) -> Place:
    """Where a thing most likely is: what it may stand on here, at the height of its feet."""
    background, info = drawing.setting.place, item.placement.sprite.info
    zones = background.info.zones if background is not None else {}
    shaded = item.placement.place in SHADED
    fitting: list[Place] = [place for place in info.stands if (place in SHADED) == shaded]
    for place in fitting:
        zone = background.zone(place, drawing.size) if background is not None else None
        if zone and zone[0] - 0.03 <= item.placement.bottom / drawing.size[1] <= zone[1] + 0.03:
            return place
    if shaded:
        return next((place for place in zones if place in STANDING), fitting[0] if fitting else "ground")
    return fitting[0] if fitting else "sky"


def unit(drawing: Drawing) -> float:
    """Pixels that a thing of natural share 1 would be high in this picture."""
    found = [item.placement.height / natural_share(item.placement.sprite) for item in drawing.items]
    return float(np.median(found)) if found else 1.1 * drawing.size[1]


FOOT = 0.15
"""Share of a thing's height above its lower edge, above which the foot of what stands on it is."""


def hidden_share(drawing: Drawing, before: Drawing) -> float:
    """The largest share of a new thing, or of what it covers, that lies over one another; hosts are left aside."""
    new = [item for item in drawing.items if not any(item is old for old in before.items)]
    worst = 0.0
    for item in new:
        for other in drawing.items:
            if other is item or _stands_on(item, other):
                continue
            across = min(item.box[2], other.box[2]) - max(item.box[0], other.box[0])
            down = min(item.box[3], other.box[3]) - max(item.box[1], other.box[1])
            areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (item.box, other.box)]
            worst = max(worst, max(across, 0) * max(down, 0) / max(min(areas), 1))
    return worst


def _stands_on(item: Item, other: Item) -> bool:
    """Whether a thing has its foot on another one; what stands behind it has it at about the same height."""
    foot = other.box[3] - FOOT * (other.box[3] - other.box[1])
    over = other.box[0] <= (item.box[0] + item.box[2]) / 2 <= other.box[2]
    return over and item.box[1] < other.box[1] and item.box[3] < foot


def natural_heights(drawing: Drawing, groups: Sequence[Group]) -> list[float]:
    """How high new things would be beside those of the picture, in pixels."""
    return [_natural(drawing, group) for group in groups]


def added(drawing: Drawing, scene: Scene, heights: Sequence[float], seed: int, foot: float | None = None) -> Drawing:
    """The drawing with the groups of `scene` beyond its own things, which are groups 0, 1, … of it, in free places.

    `heights` are those of the new groups in pixels.
    """
    placed = _as_placed(drawing)
    tall = [item.height for item in placed]
    tall += heights
    new = add_to(scene, placed, drawing.setting.place, drawing.size, seed, tall, foot)
    everything = [(item.depth, number, item) for number, item in enumerate([*placed, *new])]
    items = []
    for _, number, placement in sorted(everything, key=lambda entry: entry[:2]):
        items.append(drawing.items[number] if number < len(placed) else Item(in_pixels(placement)))
    return replace(drawing, items=tuple(items))


def own_groups(drawing: Drawing) -> list[Group]:
    """The drawing's own things as groups of a scene."""
    return [Group(sprite=item.name, color=item.placement.color) for item in drawing.items]


def _natural(drawing: Drawing, group: Group) -> float:
    sprite = _sprite(group)
    width, height = drawing.size
    tall = natural_share(sprite) * unit(drawing) * group.scale
    return max(8.0, min(tall, 0.6 * height, 0.6 * width / sprite.aspect))


def _sprite(group: Group) -> Sprite:
    return all_sprites()[group.sprite]


def _as_placed(drawing: Drawing) -> list[Placement]:
    """The drawing's things as placements, each a group of its own, with depths in their order."""
    placed: list[Placement] = []
    depth = -2e5
    for number, item in enumerate(drawing.items):
        place = place_of(drawing, item)
        feet = item.placement.bottom - (1e5 if place == "sky" else 1e4 if place in ("wall", "shelf") else 0)
        depth = max(depth + 0.001, feet)
        placed.append(replace(item.placement, group=number, place=place, depth=depth))
    return placed


def in_pixels(placement: Placement) -> Placement:
    """A placement on whole pixels."""
    wide, tall = max(1, round(placement.width)), max(1, round(placement.height))
    return replace(placement, left=round(placement.left), top=round(placement.top), width=wide, height=tall)
