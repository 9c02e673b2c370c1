"""A thing in the final picture has a certain colour."""

from __future__ import annotations

from collections.abc import Iterable

from canvasagent.rewards.checks._colors import ColorWord, best_word, fits
from canvasagent.rewards.checks._examples import drawn
from canvasagent.rewards.checks._pixels import final_of, needs_picture, share
from canvasagent.rewards.checks._things import MEANS, Thing, hidden, seen
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class ObjectColor(Parameters):
    """What `object_color` takes."""

    object: Thing
    """Which thing: a drawn thing, a plain shape or 'face'."""
    color: ColorWord
    """Its colour: red, orange, yellow, green, turquoise, blue, purple, pink, brown, white, grey, black, beige."""
    every: bool = False
    """Whether all things of that kind must have it, or one is enough."""


@needs_picture
def measure(parameters: ObjectColor, result: Result) -> Finding:
    """The median colour of what takes a thing's main colour must be nearest to the word (CIE L*a*b*)."""
    things = seen(final_of(result), parameters.object, ease=0.9)
    unknown = hidden(final_of(result), parameters.object)
    if not things and unknown:
        return unknown
    if not things:
        return Finding(0.0, False, f"no {parameters.object} was found whose colour can be measured")
    held = [fits(item.color, parameters.color) for item in things]
    passed = all(ok for ok, _ in held) if parameters.every else any(ok for ok, _ in held)
    if unknown and passed == parameters.every:  # one more thing, unseen, could change it
        return unknown
    nearest = min(distance for _, distance in held)
    words = ", ".join(f"{best_word(item.color)} (#{bytes(item.color).hex()})" for item in things[:4])
    score = share(1 - nearest / 100) if passed else share(0.6 - nearest / 100)
    return Finding(score, passed, f"the {parameters.object} is {words}; wanted {parameters.color}")


def examples(seed: int) -> Iterable[Example]:
    """Things of the colour and of others, near ones (pink for red) and far ones."""
    cases = (
        ("car", "red", "pink", 0.3), ("car", "blue", "green", 0.6), ("umbrella", "green", "yellow", 0.5),
        ("boat", "purple", "blue", 0.3), ("robot", "yellow", "green", 0.5), ("car", "white", "black", 1.0),
        ("umbrella", "pink", "purple", 0.3),
    )  # fmt: skip
    grounds = {"car": "street", "umbrella": "park", "boat": "beach", "robot": "stage"}
    for index, (name, right, wrong, severity) in enumerate(cases):
        picture = drawn(f"a {right} {name} on a {grounds[name]}", seed)
        yield Example({"object": name, "color": right}, Result(picture), True, 1 - 0.1 * index)
        yield Example({"object": name, "color": wrong}, Result(picture), False, severity)


CHECK = Check(
    name="object_color",
    summary="A certain thing in the final picture has a certain colour.",
    parameters=ObjectColor,
    measure=measure,
    examples=examples,
    means=MEANS + " Colours by nearest examples in CIE L*a*b*, not by the tools' palette.",
)
