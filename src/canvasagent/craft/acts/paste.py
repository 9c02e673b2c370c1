"""A cut-out or a picture is laid over another picture."""

from __future__ import annotations

import re

from canvasagent.craft.acts import _places
from canvasagent.craft.acts._base import (
    Act,
    Asking,
    Bound,
    CheckContext,
    Data,
    StepContext,
    Verb,
    Wording,
)
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Value
from canvasagent.craft.views import PictureState, ThingState
from canvasagent.errors import InputError

INSET = 0.34
"""Height or width of a picture that is laid over another one, as a share of that."""


def bind(context: StepContext) -> Bound:
    """The picture with what is laid over it."""
    where, shown = context.words_for("where"), context.shown or PictureState()
    assert context.content is not None
    arguments: dict[str, Value] = {
        "base_image": context.image, "overlay_type": "object", "content": context.content,
        "position": context.position or _places.position(where, "insets"),
    }  # fmt: skip
    if (scale := context.scale or _inset(context.view, shown)) is not None:
        arguments["scale"] = scale
    cutout = shown.items[0] if shown.kind == "cutout" and shown.items else None
    if "thing" in context.facts:
        thing = context.words_for("thing")
    elif cutout is not None:
        thing = cutout.phrase
    else:
        thing = "second picture" if context.content == "img_2" else "picture"
    view = context.view
    if cutout is not None:
        twice = any(other.name == cutout.name for other in view.items)
        pasted = ThingState(f"pasted:{cutout.key}", cutout.name, cutout.name, color=cutout.color, alone=not twice)
        view = view.adding(pasted)
    return Bound(arguments, {"where": where, "thing": thing}, view)


def _inset(base: PictureState, shown: PictureState) -> float | None:
    """How much smaller or larger what is laid over must be, to be seen well and hide little; None: unknown."""
    if base.size is None or shown.size is None:
        return None
    share = max(shown.size[0] / base.size[0], shown.size[1] / base.size[1])
    return round(INSET / share, 2)


def checks(context: CheckContext) -> list[Data]:
    """What was pasted is there."""
    items = context.view.items
    pasted = context.items_known and items and items[-1].key.startswith("pasted:")
    return [{"check": "object_present", "object": items[-1].name}] if pasted else []


def laid_over(rest: str) -> dict[str, str]:
    """The facts of `paste [NAME] at PLACE [xSCALE]`."""
    match = re.fullmatch(r"(?:(?P<content>\S+) )?at (?P<where>\S+)(?: x(?P<scale>[\d.]+))?", rest)
    if match is None:
        raise InputError("say what and where")
    return {"thing": "picture", **{name: value for name, value in match.groupdict().items() if value}}


WORDING = Wording(
    object="thing",
    do=(
        "paste | {where?} {into?}", "put | {where?} {into?}", "place | {where?} {into?}", "drop | {where?} {into?}",
        "overlay | {where?} {into?}", "lay | {where?} {into?}", "stick | {where?} {into?}",
        "copy | {where?} {into?}", "set | {where?} {into?}", "insert | {where?} {into?}",
        "composite | {where?} {into?}", "transplant | {where?} {into?}", "superimpose | {where?} {into?}",
        "move a copy of | {where?} {into?}", "add | {where?} {into?}", "position | {where?} {into?}",
    ),
    say=(
        "| should sit {where} {into?}", "| belongs {where} {into?}", "I'd like to see | {where} {into?}",
        "I picture | {where} {into?}", "| should show up {where} {into?}", "I want | {where} {into?}",
        "the place for | is {where} {into?}", "| would go well {where} {into?}",
    ),
    note=(
        "paste | {where?} {into?}", "| {where} {into?}", "overlay: | {where?} {into?}", "put | {where?} {into?}",
        "|: paste {where?} {into?}", "| goes {where} {into?}",
    ),
    orders=(
        "paste the {thing} {where?}", "overlay the {thing} {where?}", "lay the {thing} over the picture {where?}",
        "place the {thing} {where?}", "put the {thing} on the picture {where?}",
    ),
    why={
        "": (
            "the {thing} belongs on the picture", "the {thing} is to be laid over the picture",
        ),
    },
    saw=(
        "The {thing} is laid over the picture.", "The overlay of the {thing} is done.",
        "The {thing} has been placed on the picture.",
    ),
    done=("the {thing} was pasted {where?}", "the {thing} was laid over the picture {where?}"),
)  # fmt: skip

ACT = Act(
    name="paste",
    tool="Overlayer",
    facts=("thing?", "where"),
    bind=bind,
    checks=checks,
    named=("thing",),
    one_meant=True,
    takes=frozenset({"content"}),
    verbs={"paste": Verb(facts=laid_over, example="img_1 at tl x0.5")},
    asking=(
        Asking("last", asking.inset(2), name="inset 2", rank=1),
        Asking("last", asking.inset(3), name="inset 3", rank=2),
    ),
    wording=WORDING,
)
