"""A thing is not in the final picture."""

from __future__ import annotations

from collections.abc import Iterable

from canvasagent.rewards.checks import object_present
from canvasagent.rewards.checks._photographed import presence
from canvasagent.rewards.checks._pixels import final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, places, places_text, seen
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class ObjectAbsent(Parameters):
    """What `object_absent` takes."""

    object: Thing
    """What must not be there: a drawn thing, a plain shape or 'face'."""


@needs_picture
def measure(parameters: ObjectAbsent, result: Result) -> Finding:
    """No place may fit as well as the thing's threshold asks. In a photograph a second detector is asked."""
    things = seen(final_of(result), parameters.object)
    if not things and (unknown := hidden(final_of(result), parameters.object)):
        there = presence(final_of(result), parameters.object, unknown)
        return Finding(1 - there.score, not there.passed, there.why) if there.measured else there
    best = max((item.score for item in places(final_of(result), parameters.object)), default=0.0)
    return Finding(
        share(0.5 - 0.5 * best if things else 1 - 0.5 * best), not things, places_text(things, parameters.object)
    )


def examples(seed: int) -> Iterable[Example]:
    """Those of `object_present`, the other way round."""
    for example in object_present.examples(seed):
        if hidden(final_of(example.result), example.parameters["object"]):
            continue
        yield Example(example.parameters, example.result, not example.holds, example.severity)


CHECK = Check(
    name="object_absent",
    summary="A certain thing is not in the final picture.",
    parameters=ObjectAbsent,
    measure=measure,
    examples=examples,
    means=MEANS,
)
