"""A thing gets another color."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import words
from canvasagent.english.phrases import with_article

PROMPTS = (
    "make the {thing} {color}",
    "change the color of the {thing} to {color}",
    "turn the {thing} {color}",
)

COLOR = "(?P<color>red|orange|yellow|green|blue|purple|pink|turquoise|brown|white|grey|black)"


def bind(context: StepContext) -> Bound:
    """The thing in the color."""
    item, color = context.thing(), context.words_for("color")
    phrase = item.name if item.alone else f"{color} {item.name}"
    view = context.view.with_item(replace(item, color=color, phrase=phrase))
    prompt = context.prompt(PROMPTS, thing=item.phrase, color=color)
    return context.edit(view, {"thing": item.phrase, "color": color}, prompt)


def look(plan: Plan, step: Step) -> Look | None:
    """It is found by its color."""
    name = plan.name_of(step.facts.get("thing", ""))
    return _things.found(f"{step.facts['color']} {name}" if name and step.facts.get("color") else None)


def checks(context: CheckContext) -> list[Data]:
    """It is there, and of the color where nothing changed the tones since."""
    found: list[Data] = []
    for item in _things.recognisable(context):
        found.append({"check": "object_present", "object": item.name})
        if not context.view.toned and item.color in words()["colours"]["names"] and item.alone:
            found.append({"check": "object_color", "object": item.name, "color": item.color})
    return found


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`a red`, to go before "color"."""
    return {"a color": with_article(facts["color"] + " color").removesuffix(" color")}


WORDING = Wording(
    object="thing",
    do=(
        "paint | {color}", "make | {color}", "color | {color}", "turn | {color}", "recolor | {color}",
        "change [the color of |] to {color}", "give | {a color} color", "dye | {color}", "tint | {color}",
        "recolor | in {color}", "switch [the color of |] to {color}", "repaint | in {color}",
        "set [the color of |] to {color}", "let | be {color}", "change | to {color}", "have | in {color}",
        "give | a coat of {color}", "splash {color} over |",
    ),
    say=(
        "| should be {color}", "| would look better in {color}", "I'd like | more in {color}",
        "{color} would suit | better", "I picture | in {color}", "| {was} meant to be {color}",
        "I wish | {were} {color}", "{color} is the color I want for |", "the right color for | is {color}",
        "| {has} the wrong color; {color} would be right", "why isn't | {color}? I'd love that",
    ),
    note=(
        "{thing}: {color}", "{color} {thing}", "{thing} -> {color}", "{thing} in {color}",
        "color of {thing}: {color}", "{thing} to {color}",
    ),
    orders=(
        "make the {thing} {color}", "paint the {thing} {color}", "change the color of the {thing} to {color}",
        "recolor the {thing} in {color}", "turn the {thing} {color}", "give the {thing} the color {color}",
    ),
    why={
        "": (
            "the {thing} should be {color}", "{color} is asked for",
            "the color of the {thing} has to change to {color}",
        ),
    },
    done=(
        "the {thing} was made {color}", "the {thing} is {color} now",
        "the color of the {thing} was changed to {color}",
    ),
)  # fmt: skip

ACT = Act(
    name="recolor",
    tool="ImageEdit",
    facts=("thing", "color"),
    bind=bind,
    checks=checks,
    look=look,
    named=("thing",),
    one_meant=True,
    about="thing",
    slots=slots,
    prompts=(
        rf"(?:make|turn) {_things.THE} {COLOR}",
        rf"change the color of {_things.THE} to {COLOR}",
    ),
    rank=12,
    asking=(
        Asking("early", asking.edited("recolor", False), 3, rank=1, aside=True),
        Asking("early", asking.edited("recolor", True), 2.5, "recolor, look", ("ImageEdit", "Grounding"), 2),
    ),
    vague=("change the colour of the {thing}", "give the {thing} another colour"),
    wording=WORDING,
)
