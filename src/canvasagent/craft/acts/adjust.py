"""Tones, contrast or sharpness of the picture are changed."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Wording
from canvasagent.craft.asking import pictures as asking
from canvasagent.craft.plan import Step
from canvasagent.craft.slots import words

TONES = "increase .+|reduce .+|sharpen it|make the colors .+|add a vignette"


def bind(context: StepContext) -> Bound:
    """The picture with other tones."""
    adjustment = context.words_for("adjustment")
    prompt = words()["adjustments"].get(adjustment) or f"make it {adjustment}"
    return context.edit(replace(context.view, toned=True), {"adjustment": adjustment}, prompt)


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`amount` for what can be given ("more contrast"), `adj` for a quality ("brighter")."""
    adjustment = facts["adjustment"]
    return {"amount" if _things.is_amount(adjustment) else "adj": adjustment}


WORDING = Wording(
    object="picture",
    do=(
        "make | {adj}", "give | {amount}", "make | a bit {adj}", "make | look {adj}", "edit | to be {adj}",
        "get | a little {adj}", "adjust | so that it looks {adj}", "tweak | until it is {adj}",
        "put {amount} into |", "rework | for {amount}", "adjust | so it has {amount}", "process | for {amount}",
        "touch up | for a {adj} look", "retouch | so it turns out {adj}", "tune | to have {amount}",
        "edit | for {amount}", "correct | so that it comes out {adj}", "go for {amount} in |",
        "aim for {amount} in |", "make | noticeably {adj}", "render | somewhat {adj}",
    ),
    say=(
        "| should be {adj}", "| could be {adj}", "| could do with {amount}", "| wants {amount}",
        "I'd like | better if it were {adj}", "| ought to look {adj}", "a {adj} version of | would suit me",
        "| calls for {amount}", "if | were {adj}, I'd be happy", "{amount} is what | needs",
        "what | needs is {amount}", "I wish | looked {adj}", "I wish | had {amount}",
    ),
    note=(
        "{adj}", "{amount}", "{adj} please", "a bit {adj}", "{adj} version", "needs {amount}",
    ),
    indirect={
        "adjustment brighter": {
            "say": (
                "| is too dark", "| came out too dark", "| is so gloomy that I can hardly see anything",
                "| needs more light", "this is too dark for me: |",
            ),
            "do": (
                "brighten |", "brighten | up", "lighten | up a bit", "let some more light into |",
                "throw more light on |",
            ),
            "note": ("too dark", "brighten", "more light"),
        },
        "adjustment darker": {
            "say": (
                "| is too bright", "| came out too bright", "| hurts my eyes, it's so bright", "| needs less light",
            ),
            "do": (
                "darken |", "tone the brightness of | down", "darken | a bit", "take some light out of |", "dim |",
            ),
            "note": ("too bright", "darken", "less light"),
        },
        "adjustment warmer": {
            "say": (
                "| looks cold", "the colors of | are too cold", "| feels chilly", "| has too much blue in it",
            ),
            "do": (
                "warm up the colors of |", "warm | up", "give | warmer tones", "shift the colors of | toward warm",
            ),
            "note": ("too cold, warmer", "warm it up", "warmer tones"),
        },
        "adjustment cooler": {
            "say": (
                "the colors of | are too warm", "| looks too warm", "| has too much yellow in it",
                "| should feel colder",
            ),
            "do": (
                "cool down the colors of |", "cool | down", "give | cooler tones",
                "shift the colors of | toward cool",
            ),
            "note": ("too warm, cooler", "cool it down", "cooler tones"),
        },
        "adjustment more contrast": {
            "say": ("| looks flat", "| is washed out", "| looks pale and flat"),
            "do": (
                "raise the contrast of |", "increase the contrast of |", "boost the contrast in |",
                "turn up the contrast of |",
            ),
            "note": ("contrast up", "too flat", "boost contrast"),
        },
        "adjustment less contrast": {
            "say": (
                "| is too harsh", "the contrast of | is too strong", "light and dark are too far apart in |",
            ),
            "do": (
                "lower the contrast of |", "reduce the contrast of |", "tone down the contrast in |",
                "turn down the contrast of |",
            ),
            "note": ("contrast down", "too harsh, less contrast", "reduce contrast"),
        },
        "adjustment more vivid": {
            "say": (
                "the colors of | are dull", "| has such tired colors", "the colors of | should pop",
            ),
            "do": (
                "make the colors of | more vivid", "boost the colors of |", "make the colors in | pop",
                "give | stronger colors",
            ),
            "note": ("dull colors", "more color", "make colors pop"),
        },
        "adjustment muted": {
            "say": (
                "the colors of | are too loud", "the colors of | are too strong for me", "| is too colorful",
            ),
            "do": (
                "make the colors of | more muted", "tone down the colors of |", "mute the colors of |",
                "give | softer colors",
            ),
            "note": ("colors too loud", "softer colors", "mute colors"),
        },
        "adjustment sharper": {
            "say": (
                "| is a bit blurry", "| looks soft", "| isn't crisp enough", "| is out of focus",
            ),
            "do": ("sharpen |", "sharpen | up", "make | crisper", "bring | into focus"),
            "note": ("blurry, sharpen", "sharpen", "crisper"),
        },
    },
    orders=(
        "make it {adj}", "give it {amount}", "adjust it to be {adj}", "adjust it for {amount}",
        "edit it so that it comes out {adj}", "edit it to have {amount}",
    ),
    why={
        "": ("it should come out {adjustment}", "the request says {adjustment}"),
    },
    done=("it was made {adj}", "it was given {amount}", "it came out {adj}"),
)  # fmt: skip

ACT = Act(
    name="adjust",
    tool="ImageEdit",
    facts=("adjustment",),
    bind=bind,
    slots=slots,
    prompts=(rf"make it (?P<adjustment>.+)|(?P<adjustment_>{TONES})",),
    rank=13,
    asking=(Asking("late", asking.overall("adjust", "adjustment", "adjustment"), 3, rank=1, aside=True),),
    vague=("make it look better", "make the picture nicer", "improve it"),
    wording=WORDING,
)
