"""The picture is cut down to a thing, a text or a part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from canvasagent.craft.acts import _texts
from canvasagent.craft.acts._base import (
    Act,
    Asking,
    Bound,
    CheckContext,
    CutOff,
    Data,
    StepContext,
    Verb,
    Wording,
)
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Found, Step
from canvasagent.craft.slots import Entity, Unfit, words
from canvasagent.craft.views import cropped
from canvasagent.english.phrases import definite
from canvasagent.imaging.geometry import GRID, Size, box_to_grid, box_to_pixels, grown

EDGES = re.compile(r"\d+,\d+,\d+,\d+")
VISIBLE = 0.5
"""Share of a box that a crop must keep; less, and what it holds is gone."""
ROOM = "with some room around it"


def bind(context: StepContext) -> Bound:
    """What is left of the picture."""
    if "region" in context.facts:
        region = context.words_for("region")
        edges = region.split(",") if EDGES.fullmatch(region) else words()["regions"].get(region, (250, 250, 750, 750))
        left, top, right, bottom = map(int, edges)
        part: Box = left, top, right, bottom
        return Bound({"image": context.image, "bbox": part}, {"region": region}, cropped(context.view, part, None))
    fact = "thing" if "thing" in context.facts else "text"
    phrase, entity, box = context.words_for(fact), context.facts[fact], context.box
    if box is None:
        raise Unfit(f"a box of {phrase}")
    key = entity.key if isinstance(entity, Entity) else ""
    shown, line = context.view.item(key), context.view.line(key)
    known = shown.box if shown is not None else None
    view = cropped(context.view, grown(known, context.margin) if known is not None else None, key)
    if line is not None:
        view = replace(view, lines=(replace(line, box=None),))
    facts = {fact: phrase if line is None or entity.is_text else "text"}
    if context.margin and isinstance(box, Found):
        facts["room"], box = ROOM, box.model_copy(update={"margin": context.margin})
    return Bound({"image": context.image, "bbox": box}, facts, view)


def checks(context: CheckContext) -> list[Data]:
    """What the crop was made for can be read, where it bears text."""
    view = context.view
    if view.kind != "image" or not view.upright or view.restyled or view.scale != 1 or not context.last:
        return []
    about = context.touched
    lines = [line for line in view.lines if line.key in about or line.bearer in about]
    return [_texts.check(line.words) for line in lines if not line.key.startswith("written:")]


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`part`: what is kept."""
    room = f" {facts['room']}" if "room" in facts else ""
    if "thing" in step.facts:
        return {"part": definite(step.facts["thing"]) + room}
    if "text" in facts:
        return {"part": f"the text {facts['text']}{room}"}
    return {"part": definite(step.facts.get("region", "centre"))}


def kept(rest: str) -> dict[str, str]:
    """The facts of `crop`, `crop "TEXT"` and `crop left,top,right,bottom`."""
    if EDGES.fullmatch(rest):
        return {"region": rest}
    return {"text": _texts.unquoted(rest)} if rest else {"thing": "what was found"}


def move_box(box: Sequence[int], arguments: Mapping[str, Any], before: Size, after: Size) -> Box:
    """What is left of a box. Raises `CutOff` where that is too little."""
    edges = box_to_pixels(arguments["bbox"], before)
    size = edges[2] - edges[0], edges[3] - edges[1]
    pixels = [box[axis] * before[axis % 2] / GRID - edges[axis % 2] for axis in range(4)]
    inside = [min(max(pixels[axis], 0.0), float(size[axis % 2])) for axis in range(4)]
    whole, left = _area(pixels), _area(inside)
    if whole <= 0 or left < VISIBLE * whole:
        raise CutOff
    first, top, last, bottom = box_to_grid(inside, size)
    return first, top, last, bottom


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


WORDING = Wording(
    object="part",
    do=(
        "crop {the picture} to |", "cut {the picture} down to |", "trim {the picture} to |",
        "crop everything but | away", "zoom in on |", "keep nothing but |", "keep just |", "crop in on |",
        "trim away everything around |", "reduce {the picture} to |", "show | and nothing else",
        "frame |, and drop the rest", "narrow {the picture} down to |", "crop | out of {the picture}",
        "go in close on |", "leave only |", "trim {the picture} so that only | stays", "limit {the picture} to |",
        "make a close-up crop of |", "discard all but |",
    ),
    say=(
        "I only care about |", "all I need of {the picture} is |", "the rest of {the picture} can go; I just need |",
        "there's too much around |", "only | matters to me; crop the rest away", "{the picture} should show just |",
        "I'd like a crop with nothing but |", "| is what {the picture} should be about, so crop to that",
        "what I need is a crop of |", "everything besides | is in the way",
    ),
    note=(
        "crop to {part}", "crop: {part}", "just {part}", "only {part}", "close-up: {part}", "{part} only",
        "keep {part}",
    ),
    orders=(
        "crop to {part}", "cut the picture down to {part}", "trim everything around {part} away",
        "crop the picture to {part}", "keep {part} alone", "narrow the picture down to {part}",
    ),
    why={
        "": (
            "only {part} should stay", "the rest is not wanted", "the request is about {part} alone",
        ),
    },
    saw=(
        "The crop is made.", "The picture is cut down to the box.", "The crop came back without trouble.",
    ),
    done=("the picture was cropped to {part}", "only {part} is left"),
)  # fmt: skip

ACT = Act(
    name="crop",
    tool="Crop",
    facts=("thing?", "text?", "region?"),
    one_of=("thing", "text", "region"),
    bind=bind,
    checks=checks,
    quoted=("text",),
    named=("thing", "text"),
    one_meant=True,
    about="picture",
    slots=slots,
    takes=frozenset({"box"}),
    verbs={"crop": Verb(facts=kept)},
    move_box=move_box,
    moves=True,
    asking=(
        Asking("last", asking.crop_thing(), 3, "crop to a thing", ("Grounding", "Crop"), 3),
        Asking(
            "last",
            asking.crop_thing(asking.once("flip")),
            1,
            "find, mirror, crop",
            ("Grounding", "Flip", "Crop"),
            4,
        ),
        Asking("last", asking.crop_region, 1, "crop to a part", rank=5),
    ),
    wording=WORDING,
)
