"""The time of day is changed."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Step

PROMPTS = {
    "night": ("make it night", "turn it into night"),
    "dusk": ("make it dusk",),
    "day": ("make it day",),
}


def bind(context: StepContext) -> Bound:
    """The picture in another light."""
    light = context.words_for("light")
    return context.edit(replace(context.view, restyled=True), {"light": light}, context.prompt(PROMPTS[light]))


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`daytime`."""
    return {"light_time": facts["light"] + ("time" if facts["light"] == "day" else "")}


WORDING = Wording(
    object="picture",
    do=(
        "make it {light} in |", "turn | into a {light} scene", "change the time of day in | to {light}",
        "set | at {light_time}", "switch | over to {light}", "relight | as {light}", "give | {light} lighting",
        "change the lighting of | to {light}", "make | look like {light}", "let it be {light} in |",
        "shift | to {light}", "have | take place at {light_time}", "rework | into a {light} version",
        "move | to {light_time}", "show | under {light} lighting", "redo | as a {light} scene",
    ),
    say=(
        "it should be {light} in |", "I want it to be {light} in |",
        "| plays at the wrong time of day: it should be {light}", "| would be moodier as a {light} scene",
        "I imagine | as a {light} scene", "the story is set at {light_time}, so | has to look like {light}",
        "for my purpose it has to be {light} in |", "the hour in | should be {light}",
    ),
    note=(
        "{light} scene", "time of day: {light}", "{light} version", "lighting: {light}", "make it {light}",
    ),
    indirect={
        "light night": {
            "say": ("the sun should have set in |", "I want it dark outside in |, as at night"),
            "do": ("turn day into night in |",),
        },
    },
    orders=(
        "make it {light}", "change the light to {light}", "turn it into a {light} scene", "relight it as {light}",
    ),
    why={
        "": ("it should be {light}", "the light should be that of {light}"),
    },
    done=("the light was changed to {light}", "it is a {light} scene now"),
)  # fmt: skip

ACT = Act(
    name="light",
    tool="ImageEdit",
    facts=("light",),
    bind=bind,
    slots=slots,
    prompts=(r"(?:make it|turn it into) (?P<light>night|dusk|day)",),
    rank=5,
    asking=(Asking("late", asking.overall("light", "light", "light"), 0.3, rank=3, aside=True),),
    vague=("give it a mood", "make it look better"),
    wording=WORDING,
)
