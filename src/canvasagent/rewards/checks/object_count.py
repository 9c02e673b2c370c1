"""So many things of one kind are in the final picture."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from canvasagent.rewards.checks._examples import drawn
from canvasagent.rewards.checks._pixels import final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, places_text, seen
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class ObjectCount(Parameters):
    """What `object_count` takes."""

    object: Thing
    """What is counted: a drawn thing, a plain shape or 'face'."""
    count: int = Field(ge=0, le=12)
    """How many there must be."""


@needs_picture
def measure(parameters: ObjectCount, result: Result) -> Finding:
    """Counts places that fit as well as the threshold asks, those that share half of the smaller box once.

    In a photograph there may be more than are found: only too many are known there.
    """
    things = seen(final_of(result), parameters.object)
    if len(things) <= parameters.count and (unknown := hidden(final_of(result), parameters.object)):
        return unknown
    off = abs(len(things) - parameters.count)
    return Finding(
        share(1 / (1 + off) ** 1.5), not off, f"{places_text(things, parameters.object)}; wanted {parameters.count}"
    )


def examples(seed: int) -> Iterable[Example]:
    """One to three things, and one more or fewer than said, or three fewer."""
    for index, name in enumerate(("car", "tree", "robot")):
        for count, words in ((1, "a"), (2, "two"), (3, "three")):
            plural = name if count == 1 else f"{name}s"
            picture = drawn(f"{words} {plural} in a {('street', 'desert', 'stage')[index]}", seed)
            yield Example({"object": name, "count": count}, Result(picture), True, 1.3 - 0.3 * count)
            wrong = count + (1 if (index + seed) % 2 else -1)
            yield Example({"object": name, "count": wrong}, Result(picture), False, 0.4)
            yield Example({"object": name, "count": count + 3}, Result(picture), False, 0.8)


CHECK = Check(
    name="object_count",
    summary="The final picture shows so many things of one kind.",
    parameters=ObjectCount,
    measure=measure,
    examples=examples,
    means=MEANS,
)
