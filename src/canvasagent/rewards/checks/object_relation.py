"""Two things stand to each other as said: left of, on, under, next to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from canvasagent.rewards.checks._drawn import Box
from canvasagent.rewards.checks._examples import drawn
from canvasagent.rewards.checks._pixels import final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, middle, places_text, seen
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result

Relation = Literal["left", "right", "above", "below", "on", "under", "next", "inside"]


class ObjectRelation(Parameters):
    """What `object_relation` takes: OBJECT RELATION OTHER, as in car left tree."""

    object: Thing
    """Which thing."""
    relation: Relation
    """left, right (of), above, below: by their middles; on, under, inside; next (to): a gap below a width."""
    other: Thing
    """Seen from which."""


def related(relation: str, one: Box, other: Box) -> bool:
    """Whether a relation holds between two boxes (left, top, right, bottom in shares of the picture)."""
    (x, y), (u, v) = middle(one), middle(other)
    shared = min(one[2], other[2]) - max(one[0], other[0])
    level = min(one[3], other[3]) - max(one[1], other[1])
    narrow = min(one[2] - one[0], other[2] - other[0])
    low = min(one[3] - one[1], other[3] - other[1])
    tall = other[3] - other[1]
    wide = max(one[2] - one[0], other[2] - other[0])
    return {
        "left": x < u - 0.01,
        "right": x > u + 0.01,
        "above": y < v - 0.02 and one[3] < other[3] - 0.1 * tall,
        "below": y > v + 0.02 and one[1] > other[1] + 0.1 * tall,
        "on": shared > 0.4 * narrow and y < v and other[1] - 0.08 * tall < one[3] < other[1] + 0.62 * tall,
        "under": shared > 0.4 * narrow and y > v and one[1] > other[1] + 0.1 * tall,
        "next": -shared < 0.75 * wide and level > 0.25 * low,
        "inside": shared > 0.85 * (one[2] - one[0]) and level > 0.85 * (one[3] - one[1]),
    }[relation]


@needs_picture
def measure(parameters: ObjectRelation, result: Result) -> Finding:
    """Holds where it does for one of the things and one of the others; 0.3 where both are there but stand otherwise."""
    final = final_of(result)
    ones, others = seen(final, parameters.object), seen(final, parameters.other)
    unknown = hidden(final, parameters.object, parameters.other)
    if (not ones or not others) and unknown:
        return unknown
    if not ones or not others:
        missing = [name for name, found in ((parameters.object, ones), (parameters.other, others)) if not found]
        return Finding(0.0, False, f"no {' and no '.join(missing)} was found")
    pairs = [(a, b) for a in ones for b in others if a is not b]
    held = [min(a.score, b.score) for a, b in pairs if related(parameters.relation, a.box, b.box)]
    if not held and unknown:
        return unknown
    why = (
        f"{places_text(ones, parameters.object)}; {places_text(others, parameters.other)}; wanted {parameters.relation}"
    )
    return Finding(share(0.5 + 0.5 * max(held)) if held else 0.3, bool(held), why)


def examples(seed: int) -> Iterable[Example]:
    """Pairs side by side and one over the other, held against how they stand and how they do not."""
    cases = (
        ("car", "left of", "tree", "left", "right"), ("robot", "right of", "tree", "right", "left"),
        ("car", "next to", "tree", "next", "on"), ("robot", "left of", "car", "left", "above"),
        ("tree", "right of", "car", "right", "under"), ("tree", "left of", "robot", "left", "inside"),
    )  # fmt: skip
    for index, (name, words, other, right, wrong) in enumerate(cases):
        picture = drawn(f"a {name} {words} a {other} in a desert", seed)
        for relation, holds in ((right, True), (wrong, False)):
            parameters = {"object": name, "relation": relation, "other": other}
            yield Example(parameters, Result(picture), holds, 1 - 0.1 * index)


CHECK = Check(
    name="object_relation",
    summary="Two things in the final picture stand to each other as said.",
    parameters=ObjectRelation,
    measure=measure,
    examples=examples,
    means=MEANS,
)
