"""How the benchmark is kept: tasks in text files, input pictures drawn from fixed seeds and kept as lossless files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from random import Random

from PIL import Image

from canvasagent.craft.drawings.pages import Page, draw_page
from canvasagent.craft.drawings.scenes import compose
from canvasagent.craft.drawings.turning import Change
from canvasagent.craft.drawings.words import LEGIBLE, texts
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.grammar import parse
from canvasagent.sketch.render import render

SHAPES: dict[str, Size] = {"wide": (512, 384), "tall": (384, 512), "square": (448, 448)}
TRIES = 300


@dataclass(frozen=True)
class Entry:
    """A task as it is written down."""

    id: str
    tags: tuple[str, ...]
    pics: tuple[str, ...]
    """What each input picture shows."""
    ask: str
    do: str
    ok: str


def folder() -> Traversable:
    """Where the benchmark lies in the package."""
    return files(__package__)


def entries() -> list[Entry]:
    """Every task that is written down, in order. Raises `InputError` where a file cannot be read."""
    listed: list[Entry] = []
    for file in sorted(folder().joinpath("tasks").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".txt"):
            blocks = re.split(r"^= ", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
            listed += [_entry(block, file.name) for block in blocks]
    return listed


def _entry(block: str, name: str) -> Entry:
    head, *lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    values: dict[str, list[str]] = {"pic": [], "ask": [], "do": [], "ok": []}
    key = ""
    for line in lines:
        match = re.match(r"(pic|ask|do|ok): ?", line)
        if match:
            key = match[1]
            values[key].append(line[match.end() :].strip())
        elif key:
            values[key][-1] += " " + line.strip()
        else:
            raise InputError(f"{name}: '{line}' belongs to nothing")
    task, *tags = head.split()
    if not values["ask"] or not values["do"] or not values["ok"]:
        raise InputError(f"{name}: {task} lacks ask, do or ok")
    return Entry(task, tuple(tags), tuple(values["pic"]), *(" ".join(values[part]) for part in ("ask", "do", "ok")))


def drawn(pic: str, seed: str) -> Image.Image:
    """An input picture from its description: `a dog in a park @180m #tall`, `page: TITLE / line / line`."""
    match = re.fullmatch(r"(.*?)(?: @(\S+))?(?: #(\w+))?", pic)
    assert match is not None
    words, change, size = match[1].strip(), Change.of(match[2] or "-"), SHAPES[match[3] or "wide"]
    picture = _page(words, size, seed) if words.startswith("page:") else _scene(words, size, seed)
    return change.apply(picture)


def _page(words: str, size: Size, seed: str) -> Image.Image:
    random = Random(f"canvasbench {seed}")
    lines = [line.strip() for line in words.removeprefix("page:").split(" / ")]
    roles = ["title", *("body" for _ in lines[1:])]
    colors = random.choice(texts()["looks"]["colors"])
    align, trim = random.choice(("left", "centre")), random.choice(("frame", "band", "rule", "stripe", "none"))
    page = Page("page", align, tuple(zip(roles, lines, strict=True)), (colors[0], colors[1], colors[2]), trim, size)
    return draw_page(page)[0]


def _scene(words: str, size: Size, seed: str) -> Image.Image:
    scene = parse(words)
    none = tuple(None for _ in scene.groups)
    random = Random(f"canvasbench {seed}")
    background = all_backgrounds()[scene.background] if scene.background else None
    for _ in range(TRIES):
        number = random.getrandbits(31)
        if composed := compose(scene, none, size, number):
            return render(scene, list(composed.placements), background, size, number)
    raise InputError(f"'{words}' cannot be drawn so that everything is seen and letters have {LEGIBLE:g} pixels")
