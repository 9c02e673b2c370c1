"""A thing is in the final picture."""

from __future__ import annotations

from collections.abc import Iterable

from canvasagent.rewards.checks._examples import drawn, texture
from canvasagent.rewards.checks._photographed import presence
from canvasagent.rewards.checks._pixels import final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, places_text, there, threshold
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class ObjectPresent(Parameters):
    """What `object_present` takes."""

    object: Thing
    """What must be there: a drawn thing, a plain shape or 'face'."""


@needs_picture
def measure(parameters: ObjectPresent, result: Result) -> Finding:
    """At least one place must fit as well as the thing's threshold asks; the score is the best fit beside it.
    A place that surely is the thing ends the search.

    In a photograph a second detector is asked, if it knows the thing; else nothing is known.
    """
    name = parameters.object
    looked = there(final_of(result), name)
    best = looked[0].score if looked else 0.0
    if best >= threshold(name):
        return Finding(share(0.5 + 0.5 * best), True, places_text(looked[:1], name))
    if unknown := hidden(final_of(result), name):
        return presence(final_of(result), name, unknown)
    return Finding(share(0.6 * best), False, f"no {name}: the best place fits by {best:.2f}, not {threshold(name):.2f}")


WITH = (
    ("car", "a red car on a street"),
    ("tree", "a tree and a dog in a park"),
    ("robot", "a robot on a stage"),
    ("boat", "a blue boat and a lighthouse on the beach"),
    ("truck", "a green truck next to a woman in the desert"),
    ("house", "a house in a field"),
)
"""A thing, and a picture with it."""


def examples(seed: int) -> Iterable[Example]:
    """Drawn pictures with the thing and without it: with another one, of another place, or not drawn at all."""
    for index, (name, prompt) in enumerate(WITH):
        other = WITH[(index + 1 + seed % 4) % len(WITH)][1]
        yield Example({"object": name}, Result(drawn(prompt, seed)), True, 1 - 0.1 * index)
        yield Example({"object": name}, Result(drawn(other, seed)), False, 0.5)
    yield Example({"object": "car"}, Result(texture(seed, (256, 192))), False)
    yield Example({"object": "face"}, Result(drawn(WITH[0][1], seed)), False)


CHECK = Check(
    name="object_present",
    summary="A certain thing is in the final picture.",
    parameters=ObjectPresent,
    measure=measure,
    examples=examples,
    means=MEANS,
)
