"""How many things of random drawn scenes are recognised, how exactly, how often wrongly, and how fast.

Usage: python benchmarks/recognition.py [scenes]

Scenes come from a generator of this file's own, which puts any sprite anywhere, 5 to 45 % of the picture high, in any
main colour, mirrored or not, on any background: harder than what the scene grammar lays out. A thing counts as found
if its name is right and its box has an IoU of at least 0.8; whatever else is given is a false find. Times are told by
the clock and by the processor, with the machine's load: where others use it the processor's are to be compared.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from device import device, write_results
from PIL import Image

from canvasagent.english.colors import drawn_colors
from canvasagent.imaging.geometry import PixelBox
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.recognise import recognise
from canvasagent.sketch.render import render, sprite_picture
from canvasagent.sketch.scene import Scene
from canvasagent.sketch.sprite import all_sprites

FIRST_SEED = 5_000_000
"""Seeds that nothing was tuned on."""
HIDDEN = 0.35
"""Share of a thing that others may hide where things overlap."""
CONDITIONS: dict[str, tuple[float, dict[str, Any]]] = {
    "flat, day": (0.25, {}),
    "overlapping": (0.15, {"overlap": True}),
    "dusk": (0.08, {"light": "dusk"}),
    "night": (0.10, {"light": "night"}),
    "outline": (0.10, {"look": "outline"}),
    "paper": (0.10, {"look": "paper"}),
    "rain": (0.07, {"weather": "rain"}),
    "snow": (0.07, {"weather": "snow"}),
    "fog": (0.05, {"weather": "fog"}),
    "all at once": (0.03, {"look": "paper", "weather": "rain", "light": "night", "overlap": True}),
}
"""Share of the scenes, and what is special about them."""


@dataclass
class Drawn:
    """A random scene: its picture, and what is in it."""

    picture: Image.Image
    placements: list[Placement]
    visible: list[np.ndarray[Any, Any]]
    """Where each thing can be seen: (height, width) bool."""


@dataclass
class Tally:
    """What was counted over scenes."""

    things: int = 0
    found: int = 0
    finds: int = 0
    false: int = 0
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count what another counted, too."""
        self.things, self.found = self.things + other.things, self.found + other.found
        self.finds, self.false = self.finds + other.finds, self.false + other.false
        self.seconds += other.seconds
        self.processor += other.processor
        self.missed += other.missed
        self.wrong += other.wrong

    def figures(self) -> dict[str, Any]:
        """As percentages and milliseconds."""
        return {
            "scenes": len(self.seconds),
            "things": self.things,
            "found_percent": round(100 * self.found / max(self.things, 1), 1),
            "false_finds_percent": round(100 * self.false / max(self.finds, 1), 1),
            "milliseconds_median": round(1000 * float(np.median(self.seconds))),
            "milliseconds_95th": round(1000 * float(np.percentile(self.seconds, 95))),
            "processor_milliseconds_median": round(1000 * float(np.median(self.processor))),
        }


def scene(seed: int, size: tuple[int, int] = (512, 512), overlap: bool = False, **looks: Any) -> Drawn:
    """A random scene of 1 to 8 things; things touch only with `overlap`, and are hidden by at most HIDDEN."""
    random = np.random.default_rng(seed)
    backgrounds, colors = list(all_backgrounds().values()), sorted(set(drawn_colors().values()))
    plain = random.random() < 0.1
    background = None if plain else backgrounds[random.integers(len(backgrounds))]
    placements: list[Placement] = []
    visible: list[np.ndarray[Any, Any]] = []
    areas: list[int] = []
    for _ in range(int(random.integers(1, 9))):
        for _ in range(60):
            option = _option(random, size, placements, colors, overlap)
            solid = _solid(option, size) if option else None
            if option is None or solid is None or not _fits(option, solid, placements, visible, areas, overlap):
                continue
            visible = [part & ~solid for part in visible] + [solid]
            areas.append(int(solid.sum()))
            placements.append(option)
            break
    ground = colors[random.integers(len(colors))] if plain else None
    name = background.info.name if background else None
    picture = render(
        Scene(background=name, ground=ground, **looks), placements, background, size, int(random.integers(1000))
    )
    return Drawn(picture, placements, visible)


def _option(
    random: np.random.Generator, size: tuple[int, int], placed: list[Placement], colors: list[str], overlap: bool
) -> Placement | None:
    """A random thing at a random place; None where it would not be wholly in the picture."""
    sprite = list(all_sprites().values())[random.integers(len(all_sprites()))]
    height = round(float(np.exp(random.uniform(np.log(0.05), np.log(0.45)))) * size[1])
    width = max(1, round(height * sprite.aspect))
    left, top = round(random.uniform(0, size[0] - width)), round(random.uniform(0, size[1] - height))
    if overlap and placed and random.random() < 0.5:
        other, angle = placed[random.integers(len(placed))], random.uniform(0, 2 * np.pi)
        left = round(other.left + other.width / 2 + np.cos(angle) * 0.4 * (other.width + width) - width / 2)
        top = round(other.top + other.height / 2 + np.sin(angle) * 0.4 * (other.height + height) - height / 2)
    if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        return None
    color = colors[random.integers(len(colors))] if random.random() < 0.6 else None
    place, mirrored = sprite.info.stands[0], bool(random.random() < 0.5)
    return Placement(0, sprite, place, left, top, width, height, mirrored, color, None, len(placed))


def _solid(item: Placement, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    wide, tall = round(item.width), round(item.height)
    solid = np.zeros(size[::-1], bool)
    alpha = np.asarray(sprite_picture(item.sprite, item.color, (wide, tall), item.mirrored))[..., 3]
    solid[round(item.top) : round(item.top) + tall, round(item.left) : round(item.left) + wide] = alpha > 127
    return solid


def _fits(
    item: Placement,
    solid: np.ndarray[Any, Any],
    placed: list[Placement],
    visible: list[np.ndarray[Any, Any]],
    areas: list[int],
    overlap: bool,
) -> bool:
    if overlap:
        return all((part & ~solid).sum() >= (1 - HIDDEN) * area for part, area in zip(visible, areas, strict=True))
    gaps = [
        max(other.left - item.right, item.left - other.right, other.top - item.bottom, item.top - other.bottom)
        for other in placed
    ]
    return all(gap > 6 for gap in gaps)


def overlap_of(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)


def measure(drawn: Drawn) -> Tally:
    """Recognise one scene and count."""
    start, worked = time.perf_counter(), time.process_time()
    things = recognise(drawn.picture).things
    seconds, processor = [time.perf_counter() - start], [time.process_time() - worked]
    tally = Tally(len(drawn.placements), finds=len(things), seconds=seconds, processor=processor)
    left = list(things)
    for item in drawn.placements:
        box, name = (item.left, item.top, item.right, item.bottom), item.sprite.info.name
        match = max((thing for thing in left if thing.name == name), key=lambda t: overlap_of(t.box, box), default=None)
        if match is not None and overlap_of(match.box, box) >= 0.8:
            left.remove(match)
            tally.found += 1
        else:
            tally.missed[name] += 1
    tally.false = len(left)
    tally.wrong.update(thing.name for thing in left)
    return tally


def main() -> None:
    """Measure all conditions and write `results/recognition.json`."""
    import cv2

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    cv2.setNumThreads(1)
    start = time.perf_counter()
    recognise(scene(1).picture)
    built = time.perf_counter() - start
    total, by_condition, seed = Tally(), {}, FIRST_SEED
    for name, (share, looks) in CONDITIONS.items():
        tally = Tally()
        for _ in range(max(1, round(share * count))):
            tally.add(measure(scene(seed, **looks)))
            seed += 1
        by_condition[name] = tally.figures()
        total.add(tally)
    figures = {
        "device": device(),
        "sprites": len(all_sprites()),
        "backgrounds": len(all_backgrounds()),
        "index_seconds": round(built, 1),
        "load_of_the_machine": round(os.getloadavg()[0], 1),
        "all": total.figures(),
        "by_condition": by_condition,
        "most_missed": dict(total.missed.most_common(15)),
        "most_often_found_where_they_are_not": dict(total.wrong.most_common(15)),
    }
    write_results("recognition", figures)


if __name__ == "__main__":
    main()
