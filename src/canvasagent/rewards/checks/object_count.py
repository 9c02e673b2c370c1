"""So many things of one kind are in the final picture."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image
from pydantic import Field

from canvasagent.rewards.checks._examples import drawn
from canvasagent.rewards.checks._photographed import seen_again
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

    In a photograph a second detector is asked, if it knows the thing; else only too many are known.
    """
    things = seen(final_of(result), parameters.object)
    if len(things) <= parameters.count and (unknown := hidden(final_of(result), parameters.object)):
        return _photographed(parameters, final_of(result), unknown)
    off = abs(len(things) - parameters.count)
    return Finding(
        share(1 / (1 + off) ** 1.5), not off, f"{places_text(things, parameters.object)}; wanted {parameters.count}"
    )


def _photographed(parameters: ObjectCount, picture: Image.Image, unknown: Finding) -> Finding:
    """Counts what a second detector is sure of; where there may be more, only too many are known."""
    found = seen_again(picture, parameters.object)
    if found is None or (len(found.sure) <= parameters.count and not found.complete):
        return unknown
    off = abs(len(found.sure) - parameters.count)
    why = f"a second detector sees {len(found.sure)} × {parameters.object}; wanted {parameters.count}"
    return Finding(share(1 / (1 + off) ** 1.5), not off, why)


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
