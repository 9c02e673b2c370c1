"""The weather is changed."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Step

PROMPTS = {
    "rain": ("make it rain", "add rain"),
    "snow": ("make it snow", "add falling snow"),
    "fog": ("add fog", "make it foggy"),
}
ADJECTIVES = {"rain": "rainy", "snow": "snowy", "fog": "foggy", "mist": "misty", "wind": "windy", "sun": "sunny"}


def bind(context: StepContext) -> Bound:
    """The picture in that weather."""
    weather = context.words_for("weather")
    return context.edit(replace(context.view, restyled=True), {"weather": weather}, context.prompt(PROMPTS[weather]))


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`rainy`."""
    return {"weathery": ADJECTIVES[facts["weather"]]} if facts["weather"] in ADJECTIVES else {}


WORDING = Wording(
    object="picture",
    do=(
        "add {weather} to |", "make | {weathery}", "bring {weather} into |", "put some {weather} into |",
        "let there be {weather} in |", "give | {weathery} weather", "change the weather in | to {weather}",
        "turn | into a {weathery} scene", "fill | with {weather}", "make the weather in | {weathery}",
        "show | in the {weather}", "cover | in {weather}", "have some {weather} in |", "set | in {weathery} weather",
        "rework | with {weather}", "conjure up {weather} in |",
    ),
    say=(
        "there should be {weather} in |", "I'd like some {weather} in |", "| is missing {weather}",
        "the weather in | should be {weathery}", "| would have more mood with {weather}",
        "I remember that day with {weather}, so put it into |", "| should look like a {weathery} day",
        "a {weathery} version of | would be great",
    ),
    note=(
        "{weather}", "weather: {weather}", "add {weather}", "{weathery} version", "{weathery} weather",
        "some {weather}",
    ),
    indirect={
        "weather rain": {
            "say": ("| needs a good downpour, I mean rain",),
            "do": ("make it rain in |",),
        },
        "weather snow": {
            "say": ("| should look like winter, with snow coming down",),
            "do": ("make it snow in |", "let snow fall in |"),
        },
        "weather fog": {
            "say": ("| needs some mist, a real fog",),
            "do": ("let fog roll into |",),
        },
    },
    orders=(
        "add {weather}", "give the scene some {weather}", "bring in {weather}", "put {weather} into the scene",
        "change the weather to {weather}",
    ),
    why={
        "": ("{weather} is asked for", "the scene should have {weather}"),
    },
    done=("{weather} was added", "there is {weather} in it now"),
)  # fmt: skip

ACT = Act(
    name="weather",
    tool="ImageEdit",
    facts=("weather",),
    bind=bind,
    slots=slots,
    prompts=(
        r"add (?:rain|falling snow|fog)|make it (?P<weather>rain|snow|foggy)|make the weather (?P<weather_>clear)",
    ),
    rank=4,
    asking=(Asking("late", asking.overall("weather", "weather", "weather"), 0.3, rank=4, aside=True),),
    vague=("give it a mood", "make it look better"),
    wording=WORDING,
)
