"""Drawn scenes composed at random: things that fit a place, wholly visible, with words on boards where asked for."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from random import Random
from typing import Any

from canvasagent.craft.drawings.words import LEGIBLE, Line, lines_of_band, lines_on, words_for
from canvasagent.english.colors import drawn_colors
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.layout import lay_out
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.scene import Group, Scene
from canvasagent.sketch.sprite import all_sprites

LEAST_SIDE = 0.06
"""Shorter side of a thing as a share of the picture's shorter side, from which it can be made out well."""
COVERED = 0.06
"""Share of a thing's box that others may share."""
_KINDS = {"sign": "signs", "billboard": "billboards", "shop": "shops", "stop sign": "stops"}


@dataclass(frozen=True)
class Wish:
    """What a scene is to hold."""

    things: int
    texts: int
    size: Size
    steady: bool
    """Only things that need not be told by where they are."""
    plain: bool = False
    """By day, in clear air and flat, so that everything can be made out."""


@dataclass(frozen=True)
class Composition:
    """A scene that was laid out."""

    scene: Scene
    placements: tuple[Placement, ...]
    colors: tuple[str | None, ...]
    """The colour words of the scene's groups, None where they keep their own."""
    lines: tuple[Line, ...]
    seed: int


@cache
def casts() -> dict[str, Any]:
    """`casts.toml`, read once."""
    return tomllib.loads((files(__package__) / "casts.toml").read_text("utf-8"))


@cache
def _paints() -> dict[str, list[str]]:
    """From a thing to the colours that it may have."""
    found = casts()
    return {name: found["colors"][kind] for kind, names in found["paint"].items() for name in names}


def signature(scene: Scene) -> str:
    """What makes a scene the same as another to a viewer: its place, its things, its words."""
    things = sorted(f"{group.count} {group.sprite}" for group in scene.groups)
    words = sorted(group.words for group in scene.groups if group.words)
    return " | ".join([scene.background or "plain", *things, *words, scene.banner or "", scene.caption or ""])


def sketch_scene(wish: Wish, random: Random) -> tuple[Scene, tuple[str | None, ...]]:
    """A scene that may hold what is wished, and its groups' colour words; not laid out yet."""
    boards = _boards(wish, random)
    place = _place(wish, boards, random)
    cast = list(casts()["plain"]["things"] if place is None else casts()["casts"][place])
    count = min(max(wish.things, 1) + random.choice((0, 0, 1, 1, 2)), 6) if wish.things or not boards else 0
    if boards and not wish.things:
        count = random.choice((0, 1, 1, 2))
    groups: list[Group] = []
    colors: list[str | None] = []
    while (missing := count - sum(group.count for group in groups)) > 0 and cast:
        name = cast.pop(random.randrange(len(cast)))
        for group, color in _groups(name, missing, place, wish.steady, random):
            groups.append(group)
            colors.append(color)
    banner = words_for("banners", random) if "banner" in boards else None
    caption = words_for("captions", random) if "caption" in boards else None
    for board in boards:
        if board in _KINDS:
            scale = random.uniform(1.35, 1.8)
            groups.append(Group(sprite=board, scale=scale, words=words_for(_KINDS[board], random)))
            colors.append(None)
    look = {} if wish.plain else _air(place, bool(boards), random)
    ground = random.choice(casts()["plain"]["grounds"]) if place is None else None
    scene = Scene(groups=tuple(groups), background=place, ground=ground, banner=banner, caption=caption, **look)
    return scene, tuple(colors)


def _boards(wish: Wish, random: Random) -> list[str]:
    """What carries the words: each a line or two."""
    if not wish.texts:
        return []
    kinds = ["banner", "caption", random.choice(("sign", "billboard", "shop", "sign", "stop sign"))]
    random.shuffle(kinds)
    kinds += ["billboard" if "billboard" not in kinds else "sign"]
    return kinds[: max(wish.texts, 1)]


def _place(wish: Wish, boards: list[str], random: Random) -> str | None:
    known = casts()
    fitting = [name for name, cast in known["casts"].items() if len(cast) >= wish.things + 1]
    carriers = [board for board in boards if board in _KINDS]
    fitting = [name for name in fitting if all(board in known["carriers"].get(name, []) for board in carriers)]
    if not carriers and wish.things <= 4 and random.random() < 0.1:
        return None
    chosen: str = random.choice(fitting)
    return chosen


def _groups(name: str, missing: int, place: str | None, steady: bool, random: Random) -> list[tuple[Group, str | None]]:
    """One thing, several alike, or two of different colours."""
    choices = [color for color in _paints().get(name, ()) if not _lost(color, place)]
    several = random.random()
    if missing >= 2 and len(choices) >= 2 and several < 0.22:
        return [
            (Group(sprite=name, color=drawn_colors()[color]), color)
            for color in random.sample(choices, 3 if missing >= 3 and several < 0.05 else 2)
        ]
    color = random.choice(choices) if choices and random.random() < 0.55 else None
    count = min(random.choice((2, 2, 3)), missing) if not steady and missing >= 2 and several > 0.85 else 1
    return [(Group(sprite=name, count=count, color=drawn_colors()[color] if color else None), color)]


def _lost(color: str, place: str | None) -> bool:
    """Whether a colour is hardly seen in a place."""
    hidden = {"snow": ("white", "grey"), "underwater": ("blue", "turquoise"), "night sky": ("dark blue", "black")}
    return color in {**hidden, "space": ("dark blue", "black")}.get(place or "", ())


def _air(place: str | None, words: bool, random: Random) -> dict[str, Any]:
    """Now and then another light, weather or look; never several at once. Fog and falling snow hide too much."""
    chance = random.random()
    outdoors = place is not None and not all_backgrounds()[place].info.indoor
    if not outdoors or place in ("night sky", "space", "underwater", "sunset"):
        return {"look": "paper"} if chance < 0.05 else {}
    if chance < 0.05:
        return {"light": "dusk"}
    if chance < 0.09 and not words:
        return {"light": "night"}
    if chance < 0.14 and place != "snow":
        return {"weather": "rain"}
    return {"look": random.choice(("paper", "outline"))} if chance < 0.19 else {}


def compose(scene: Scene, colors: tuple[str | None, ...], size: Size, seed: int) -> Composition | None:
    """The scene laid out; None where anything would be hidden, too small to make out, or illegible."""
    background = all_backgrounds()[scene.background] if scene.background else None
    try:
        placed = lay_out(scene, all_sprites(), background, size, seed)
        lines = _lines(scene, placed, size)
    except ToolRefusal:
        return None
    least = LEAST_SIDE * min(size)
    if any(min(item.width, item.height) < least for item in placed) or any(line[2] < LEGIBLE for line in lines):
        return None
    if not all(_apart(one, other) for one, other in combinations(placed, 2)):
        return None
    return Composition(scene, tuple(placed), colors, tuple(lines), seed)


def _lines(scene: Scene, placed: list[Placement], size: Size) -> list[Line]:
    lines = lines_of_band(scene.banner, size, 0.05) if scene.banner else []
    for item in placed:
        lines += lines_on(item)
    return lines + (lines_of_band(scene.caption, size, 0.86) if scene.caption else [])


def _apart(one: Placement, other: Placement) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared <= COVERED * min(one.width * one.height, other.width * other.height)
