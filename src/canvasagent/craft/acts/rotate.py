"""The picture is turned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Verb, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.pictures import Box
from canvasagent.craft.views import rotated
from canvasagent.imaging.geometry import GRID, Size, bounds, box_to_grid


def bind(context: StepContext) -> Bound:
    """The turned picture, and why it is turned where its position tells."""
    angle = int(context.words_for("angle")) % 360
    facts = in_words(angle)
    if "why" in context.facts:
        facts["why"] = context.words_for("why")
    elif context.view.origin is not None and context.view.turned and (context.view.turned + angle) % 360 == 0:
        facts["why"] = "upside down" if context.view.turned == 180 else "lying on its side"
    return Bound({"image": context.image, "angle": angle}, facts, rotated(context.view, angle))


def in_words(angle: int) -> dict[str, str]:
    """An angle of 0 to 359 degrees clockwise, the shorter way round."""
    degrees, way = (360 - angle, "counterclockwise") if angle > 180 else (angle, "clockwise")
    return {"angle": str(degrees), "direction": way}


def move_box(box: Sequence[int], arguments: Mapping[str, Any], before: Size, after: Size) -> Box:
    """The box around the turned box: both canvases have one middle."""
    turn = math.radians(int(arguments["angle"]))
    cos, sin = math.cos(turn), math.sin(turn)
    corners = []
    for x in (box[0], box[2]):
        for y in (box[1], box[3]):
            across, down = (x / GRID - 0.5) * before[0], (y / GRID - 0.5) * before[1]
            corners.append((across * cos - down * sin + after[0] / 2, across * sin + down * cos + after[1] / 2))
    left, top, right, bottom = box_to_grid(bounds(corners), after)
    return left, top, right, bottom


WORDING = Wording(
    object="picture",
    do=(
        "rotate | {angle} degrees {direction}", "turn | {angle} degrees {direction}",
        "rotate | by {angle} degrees {direction}", "spin | {angle} degrees {direction}",
        "turn | {direction} by {angle} degrees", "rotate | {direction}, {angle} degrees",
        "give | a {angle} degree turn {direction}", "swing | round {angle} degrees {direction}",
        "rotate | {angle}° {direction}", "pivot | {angle} degrees {direction}",
        "apply a {angle} degree rotation {direction} to |", "twist | {angle} degrees {direction}",
        "turn | {direction} through {angle} degrees", "rotate | {direction} by {angle}°",
        "swivel | {angle} degrees {direction}", "roll | {angle} degrees {direction}",
        "do a {direction} rotation of {angle} degrees on |", "turn | around, {angle} degrees {direction}",
    ),
    say=(
        "| should sit {angle} degrees further {direction}",
        "| has to end up {angle} degrees {direction} from where it is now",
        "| wants turning: {angle} degrees, {direction}",
        "| came out of the scanner wrong and needs {angle} degrees {direction}",
        "whoever saved | turned it, so it needs {angle} degrees {direction} to be right",
        "what | needs is a turn of {angle} degrees {direction}",
        "I'm looking for a {angle} degree {direction} rotation of |",
        "a {angle} degree {direction} turn is all | needs",
    ),
    note=(
        "rotation of |: {angle} {direction}", "{angle} deg {direction}", "{angle} degrees, {direction}",
        "{angle}° {direction}", "turn | {angle} {direction}", "rotate | {angle} {direction}",
        "{direction} turn, {angle} degrees", "|: {angle}° {direction}",
    ),
    indirect={
        "why upside down": {
            "do": (
                "put | right side up", "turn | the right way up", "turn | so that it is no longer upside down",
                "get | off its head", "set | upright", "flip | round so that the top is at the top again",
                "turn | right way round, it's upside down", "straighten | up, it's upside down",
            ),
            "say": (
                "| is upside down", "| is standing on its head", "I have to turn my screen round to look at |",
                "someone held | upside down", "the top of | is at the bottom",
                "I get a stiff neck from looking at |, it's upside down", "everything in | is the wrong way up",
                "| came in upside down", "the sky is at the bottom in |, it's upside down",
            ),
            "note": (
                "upside down", "wrong way up", "right side up", "turn it right side up",
                "needs turning right side up",
            ),
        },
        "why lying on its side": {
            "do": (
                "turn | upright", "set | upright", "rotate | so that it stands upright", "put | upright",
                "turn | so that up is up again", "straighten | up, it lies on its side", "get | upright again",
            ),
            "say": (
                "| has ended up on its side", "| lies on its side and should be upright", "| is sideways",
                "everything in | is sideways", "I have to tilt my head to look at |",
                "| was taken with the camera held sideways", "| came in sideways",
                "up isn't up in |, it's on its side",
            ),
            "note": (
                "sideways", "lies on its side", "put it upright", "turn upright", "upright please",
            ),
        },
    },
    orders=(
        "rotate the picture {angle} degrees {direction}", "turn it {angle} degrees {direction}",
        "rotate it {direction} by {angle} degrees", "turn the picture {direction} by {angle} degrees",
        "apply a {angle} degree turn {direction}",
    ),
    why={
        "": (
            "the picture has to be turned by {angle} degrees", "a turn of {angle} degrees is asked for",
            "the request wants it {angle} degrees {direction}",
        ),
        "/upside down": (
            "upside down the picture is no use", "it stands on its head", "the picture has to be put upright",
        ),
        "/lying on its side": (
            "the picture lies on its side", "it has to be put upright", "the picture is a quarter turn off",
        ),
    },
    saw=(
        "The picture is turned by {angle} degrees now.", "The rotation of {angle} degrees is done.",
        "The picture has been rotated {angle} degrees.",
    ),
    done=(
        "the picture was turned {angle} degrees {direction}", "the picture is rotated {angle} degrees {direction}",
    ),
)  # fmt: skip

ACT = Act(
    name="rotate",
    tool="Rotate",
    facts=("angle", "why?"),
    bind=bind,
    about="picture",
    verbs={"turn": Verb()},
    move_box=move_box,
    moves=True,
    asking=(Asking("last", asking.rotate, 2, "turn", rank=9),),
    wording=WORDING,
)
