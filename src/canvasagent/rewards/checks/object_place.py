"""A thing stands in a certain part of the final picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import model_validator

from canvasagent.rewards.checks._examples import drawn
from canvasagent.rewards.checks._photographed import seen_again
from canvasagent.rewards.checks._pixels import Region, final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, middle, places_text, seen
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result

Where = Literal[
    "left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right"
]  # fmt: skip


class ObjectPlace(Parameters):
    """What `object_place` takes: `where` or `region`."""

    object: Thing
    """Which thing: a drawn thing, a plain shape or 'face'."""
    where: Where | None = None
    """The half, the corner (a quarter) or the middle (of the nine parts three by three, and a little more)."""
    region: Region | None = None
    """Where the middle of the thing must lie, on the 0–1000 grid."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.where is None) == (self.region is None):
            raise ValueError("give 'where' or 'region', one of the two")
        return self


def _part(where: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in shares; halves and corners reach 4 % beyond the middle."""
    if where == "middle":
        return 0.3, 0.25, 0.7, 0.75
    left, right = (0.54 if side in where else 1.0 for side in ("left", "right"))
    top, bottom = (0.54 if side in where else 1.0 for side in ("top", "bottom"))
    return 1 - right, 1 - bottom, left, top


@needs_picture
def measure(parameters: ObjectPlace, result: Result) -> Finding:
    """The middle of one such thing must lie in the part; the score falls with the distance to it."""
    things = seen(final_of(result), parameters.object)
    unknown = hidden(final_of(result), parameters.object)
    boxes = [item.box for item in things]
    said = places_text(things, parameters.object)
    if not things and unknown:
        found = seen_again(final_of(result), parameters.object)
        if found is None or not (found.sure or found.complete):
            return unknown
        boxes, unknown = found.sure, None if found.complete else unknown
        said = f"a second detector sees {len(boxes)} × {parameters.object}"
    if not boxes:
        return Finding(0.0, False, said)
    grid = parameters.region
    wanted = tuple(edge / 1000 for edge in grid) if grid else _part(parameters.where or "middle")
    left, top, right, bottom = wanted
    far = 9.0
    for box in boxes:
        x, y = middle(box)
        far = min(far, max(left - x, x - right, 0.0) + max(top - y, y - bottom, 0.0))
    if far and unknown:
        return unknown
    why = f"{said}; wanted {parameters.where or grid}"
    return Finding(1.0 if far == 0 else share(0.6 - far), far == 0, why)


def examples(seed: int) -> Iterable[Example]:
    """Things on the left and right, in the sky and on the ground, held against where they are and are not."""
    cases = (
        ("car", "on the left", "left", "right", 0.9), ("car", "on the right", "right", "top", 0.6),
        ("robot", "on the left", "left", "bottom right", 0.8), ("tree", "on the right", "right", "left", 0.9),
        ("robot", "in the middle", "middle", "top left", 0.4), ("tree", "on the left", "left", "top right", 1.0),
    )  # fmt: skip
    for index, (name, place, right, wrong, severity) in enumerate(cases):
        picture = drawn(f"a {name} {place} in a desert", seed)
        yield Example({"object": name, "where": right}, Result(picture), True, 1 - 0.1 * index)
        yield Example({"object": name, "where": wrong}, Result(picture), False, severity)
    yield Example({"object": "tree", "region": [0, 0, 600, 1000]}, Result(picture), True)


CHECK = Check(
    name="object_place",
    summary="A certain thing stands in a certain part of the final picture.",
    parameters=ObjectPlace,
    measure=measure,
    examples=examples,
    means=MEANS,
)
