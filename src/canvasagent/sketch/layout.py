"""From a scene to placements: how large each thing is and where it stands, so that every relation holds.

Things are placed one after another; each takes the best of many random positions (seeded), by how well it keeps
its relations, its place on the background, and its distance from the others. What cannot hold is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.background import Background
from canvasagent.sketch.costs import HIDDEN, cost_of, hidden
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.rules import HANGING, allowed
from canvasagent.sketch.scene import MAX_THINGS, Group, Scene
from canvasagent.sketch.sprite import Place, Sprite, all_sprites

TRIES = 60
"""Random positions that each thing chooses from."""
RESTARTS = 4
"""Layouts that are tried where the first is crowded; the best is kept."""
FREER = 12
"""Layouts that are tried beyond those while a thing or its words are hidden: nothing is kept in the middle, and each
time all things are smaller by the share `SMALLER`."""
SMALLER = 0.05
CROWDED = 15.0
"""Cost from which a layout is worth another try."""
MARGIN = 0.02
"""Free border around everything, as a share of the picture's shorter side."""
STANDING = frozenset({"ground", "floor", "road", "table"})
"""Places where things stand on their feet; what stands in one can stand in another."""


@dataclass(frozen=True)
class Stage:
    """Where things are placed: the picture's size, its background, and the rows that words leave free (pixels)."""

    size: Size
    background: Background | None
    top: float
    bottom: float
    foot: float | None = None
    """Where feet are, if that is given; sizes are then kept too."""

    @classmethod
    def of(cls, scene: Scene, background: Background | None, size: Size) -> Stage:
        """The stage of a scene."""
        margin = MARGIN * min(size)
        top = 0.17 * size[1] if scene.banner else margin
        bottom = 0.85 * size[1] if scene.caption else size[1] - margin
        return cls(size, background, top, bottom)

    def zone(self, place: Place) -> tuple[float, float]:
        """Top and bottom, in pixels, of the band in which the feet (sky: the middles) of things may be."""
        zone = self.background.zone(place, self.size) if self.background is not None else None
        if zone is None and self.background is not None and place != "sky":
            named: tuple[Place, ...] = ("ground", "floor")
            zone = next((found for name in named if (found := self.background.zone(name, self.size))), None)
        low, high = zone or ((0.08, 0.4) if place == "sky" else (0.66, 0.93))
        return low * self.size[1], high * self.size[1]


def lay_out(
    scene: Scene, sprites: dict[str, Sprite], background: Background | None, size: Size, seed: int
) -> list[Placement]:
    """Placements of every thing, the farthest first. The same arguments give the same placements.

    Raises `ToolRefusal` for too many things, or relations that cannot all hold.
    """
    if scene.things > MAX_THINGS:
        raise ToolRefusal(f"{scene.things} things are too many for one picture; at most {MAX_THINGS} can be drawn.")
    stage = Stage.of(scene, background, size)
    heights = _heights(scene, sprites, stage)
    best: tuple[float, list[Placement]] | None = None
    for attempt in range(RESTARTS + FREER):
        if attempt >= RESTARTS and best is not None and not hidden(best[1], scene):
            break
        random, freer = np.random.default_rng((seed, attempt)), max(attempt + 1 - RESTARTS, 0)
        lower = [(1 - SMALLER) ** freer * height for height in heights]
        cost, placed = _attempt(scene, sprites, stage, lower, random, roams=freer > 0)
        cost += HIDDEN * hidden(placed, scene)
        if best is None or cost < best[0]:
            best = cost, placed
        if cost < CROWDED:
            break
    assert best is not None
    _check_relations(scene, best[1])
    return sorted(best[1], key=lambda item: item.depth)


def add_to(
    scene: Scene,
    placed: list[Placement],
    background: Background | None,
    size: Size,
    seed: int,
    heights: list[float],
    foot: float | None = None,
) -> list[Placement]:
    """Placements of the groups of a scene that have none yet, found beside those that are `placed`, in that order.

    `heights` are those of all groups, in pixels, and are kept to where `foot`, a height to stand at, is given.
    Raises `ToolRefusal` for relations that do not hold.
    """
    sprites, stage = {item.sprite.info.name: item.sprite for item in placed}, Stage.of(scene, background, size)
    sprites |= {group.sprite: all_sprites()[group.sprite] for group in scene.groups}
    steady = replace(stage, foot=foot) if foot is not None else stage
    _, found = _attempt(scene, sprites, steady, heights, np.random.default_rng((seed, 0)), placed)
    _check_relations(scene, found)
    return found[len(placed) :]


def _attempt(
    scene: Scene,
    sprites: dict[str, Sprite],
    stage: Stage,
    heights: list[float],
    random: np.random.Generator,
    already: Sequence[Placement] = (),
    roams: bool = False,
) -> tuple[float, list[Placement]]:
    """One layout, and how bad it is."""
    placed, there = list(already), {item.group for item in already}
    total = 0.0
    for index in (index for index in _order(scene) if index not in there):
        group = scene.groups[index]
        sprite = sprites[group.sprite]
        for number in range(group.count):
            place = _place(group, sprite, scene, stage.background, placed)
            options = [
                _candidate(index, group, sprite, place, heights[index], placed, stage, random, number)
                for _ in range(TRIES)
            ]
            scores = [cost_of(option, number, scene, placed, stage.size, roams) for option in options]
            placed.append(options[int(np.argmin(scores))])
            total += min(scores)
    return total, placed


def _order(scene: Scene) -> list[int]:
    """Groups such that those a relation speaks of come first; a circle is refused where it contradicts itself."""
    order: list[int] = []
    waiting = set(range(len(scene.groups)))
    while waiting:
        ready = [
            index
            for index in sorted(waiting)
            if all(other in order or other == index for rel in scene.groups[index].relations for other in rel.others)
        ]
        if not ready:
            ready = [min(waiting)]  # relations in a circle: place one, and see in the end whether all hold
        ready.sort(key=lambda index: -_weight(scene, index))
        order.append(ready[0])
        waiting.remove(ready[0])
    return order


def _weight(scene: Scene, index: int) -> float:
    """Things that others lean on are placed early."""
    return sum(index in rel.others for group in scene.groups for rel in group.relations)


def natural_share(sprite: Sprite) -> float:
    """How high a thing is beside others, as a share of a picture."""
    return 0.17 if sprite.info.stands[0] == "sky" else min(max(0.26 * sprite.info.height**0.33, 0.08), 0.6)


def _heights(scene: Scene, sprites: dict[str, Sprite], stage: Stage) -> list[float]:
    """Heights in pixels. Natural sizes span an egg to a castle, so they are compressed; then all fit together."""
    width, height = stage.size[0], stage.bottom - stage.top
    shares = [natural_share(sprites[group.sprite]) * group.scale for group in scene.groups]
    if not shares:
        return []
    alone = min(max(0.42 / max(shares), 1.0), 2.2)
    area = sum(
        group.count * (share * alone * height) ** 2 * sprites[group.sprite].aspect
        for group, share in zip(scene.groups, shares, strict=True)
    )
    fit = min(1.0, math.sqrt(0.34 * width * height / max(area, 1.0)))
    heights = []
    for group, share in zip(scene.groups, shares, strict=True):
        aspect = sprites[group.sprite].aspect
        widest = 0.8 * width / (group.count if group.spot == "row" else 1)
        heights.append(max(6.0, min(share * alone * fit * height, 0.72 * height, widest / aspect)))
    return heights


def _place(group: Group, sprite: Sprite, scene: Scene, background: Background | None, placed: list[Placement]) -> Place:
    """Where a thing is: as its relations say, else the first of its natural places that the background has."""
    for relation in group.relations:
        others = [item for item in placed if item.group == relation.others[0]]
        if relation.kind in ("on", "above") and others:
            return "table" if relation.kind == "on" else "sky"
        if relation.kind == "under" and others and others[0].place in HANGING and sprite.info.stands[0] in HANGING:
            return others[0].place
        if relation.kind in ("next", "left", "right", "between", "front", "behind") and others:
            host = others[0].place
            if host in sprite.info.stands or (host in STANDING and STANDING.intersection(sprite.info.stands)):
                return host
    zones = background.info.zones if background is not None else {}
    if group.place is not None and (group.place in zones or background is None or group.place == "sky"):
        return group.place
    for place in sprite.info.stands:
        if place in zones:
            return place
    similar = {"ground": "floor", "floor": "ground", "road": "ground", "table": "floor", "shelf": "table"}
    for place in sprite.info.stands:
        if place in similar and similar[place] in zones:
            return similar[place]  # type: ignore[return-value]
    return sprite.info.stands[0]


def _candidate(
    index: int,
    group: Group,
    sprite: Sprite,
    place: Place,
    height: float,
    placed: list[Placement],
    stage: Stage,
    random: np.random.Generator,
    number: int,
) -> Placement:
    """One random position that its place allows."""
    size = stage.size
    low, high = stage.zone(place)
    across, down = random.random(), random.random()
    near = 0.86 + 0.24 * down if place not in ("sky", "wall", "shelf") and stage.foot is None else 1.0
    tall = height * near
    wide = tall * sprite.aspect
    foot = low + (high - low) * down if stage.foot is None else stage.foot
    if stage.foot is None and place in ("sky", "wall", "shelf", "underwater", "water"):
        foot += tall / 2 if place != "water" else 0.0
    margin = MARGIN * min(size)
    left = margin + across * max(size[0] - 2 * margin - wide, 0.0)
    left, foot = allowed(group, number, left, foot, wide, tall, placed, size, random)
    left = min(max(left, margin), max(size[0] - margin - wide, margin))
    foot = min(max(foot, stage.top + tall), stage.bottom)
    mirrored = sprite.info.facing != "front" and left + wide / 2 > size[0] / 2
    depth = _depth(group, foot, place, placed)
    return Placement(index, sprite, place, left, foot - tall, wide, tall, mirrored, group.color, group.words, depth)


def _depth(group: Group, foot: float, place: Place, placed: list[Placement]) -> float:
    """How near a thing is: by its feet; what stands on, under or in front of something is just nearer than it."""
    depth = foot - 1e5 if place == "sky" else foot - 1e4 if place in ("wall", "shelf") else foot
    for relation in group.relations:
        others = [item.depth for item in placed if item.group in relation.others]
        if others and relation.kind in ("on", "under", "front"):
            depth = max(depth, max(others) + 1)
        elif others and relation.kind == "behind":
            depth = min(depth, min(others) - 1)
    return depth


def _check_relations(scene: Scene, placed: list[Placement]) -> None:
    """Refuse a picture in which a relation does not hold, naming it."""
    for index, group in enumerate(scene.groups):
        for relation in group.relations:
            if relation.kind not in ("left", "right", "above", "between"):
                continue
            mine = [item for item in placed if item.group == index]
            others = [item for item in placed if item.group in relation.others]
            if not _holds(relation.kind, mine, others):
                names = " and ".join(scene.groups[other].sprite for other in relation.others)
                wanted = {"left": "left of", "right": "right of"}.get(relation.kind, relation.kind)
                raise ToolRefusal(
                    f"'{group.sprite} {wanted} {names}' cannot hold together with the rest; say where things are "
                    "without contradiction, or ask for fewer."
                )


def _holds(kind: str, mine: list[Placement], others: list[Placement]) -> bool:
    if not mine or not others:
        return False
    xs = [item.center[0] for item in others]
    if kind == "left":
        return all(item.center[0] < min(xs) for item in mine)
    if kind == "right":
        return all(item.center[0] > max(xs) for item in mine)
    if kind == "between":
        return all(min(xs) < item.center[0] < max(xs) for item in mine)
    return all(item.center[1] < min(other.center[1] for other in others) for item in mine)
