"""A thing is taken out of the picture."""

from __future__ import annotations

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step

PROMPTS = ("remove the {thing}", "erase the {thing}", "take the {thing} away")


def bind(context: StepContext) -> Bound:
    """The picture without the thing."""
    item = context.thing()
    return context.edit(
        context.view.without(item.key), {"thing": item.phrase}, context.prompt(PROMPTS, thing=item.phrase)
    )


def look(plan: Plan, step: Step) -> Look | None:
    """It is found no more; of one among several the rest is still found."""
    thing = step.facts.get("thing", "")
    return _things.found(thing, "gone") if plan.name_of(thing) == thing else None


WORDING = Wording(
    object="thing",
    do=(
        "remove | {from?}", "take | out {of?}", "erase | {from?}", "delete | {from?}", "get rid of | {in?}",
        "make | disappear {from?}", "paint over | {in?}", "wipe | out {of?}", "lose | {in?}", "edit | out {of?}",
        "retouch {the picture} so that | is gone", "clear | away {from?}", "drop | {from?}", "eliminate | {from?}",
        "scrub | out {of?}", "throw | out {of?}", "let | vanish {from?}", "strip | out {of?}",
        "clean | away {from?}",
    ),
    say=(
        "| should go", "| doesn't belong {in?}", "| {is} in the way", "{the picture} would be better without |",
        "I don't want | {in?} any more", "| {is} spoiling {the picture}; it would be nicer without",
        "I'd be happier if | {was}n't {in?} there", "| {has} no business being {in?} there",
        "| {bothers} me; it has to go", "I need {the picture} without |",
    ),
    note=(
        "no {thing}", "remove {thing}", "without the {thing}", "{thing} out", "{thing}: gone", "{thing}: delete",
        "- {thing}",
    ),
    orders=(
        "remove the {thing}", "erase the {thing}", "take the {thing} out", "edit the {thing} away",
        "have ImageEdit remove the {thing}", "clear the {thing} away",
    ),
    why={
        "": (
            "the {thing} is not wanted", "the request wants the {thing} gone",
            "the picture should be without the {thing}",
        ),
    },
    done=(
        "the {thing} was removed", "the {thing} is out of the picture", "the {thing} was taken out",
    ),
)  # fmt: skip

ACT = Act(
    name="remove",
    tool="ImageEdit",
    facts=("thing",),
    bind=bind,
    checks=_things.absent,
    look=look,
    named=("thing",),
    one_meant=True,
    prompts=(
        rf"(?:remove|erase) {_things.THE}",
        rf"take {_things.THE} away",
    ),
    rank=8,
    asking=(
        Asking("early", asking.edited("remove", False), 2, rank=3, aside=True),
        Asking("early", asking.edited("remove", True), 2, "remove, look", ("ImageEdit", "Grounding"), 4),
    ),
    vague=(
        "deal with the {thing}",
        "do something about the {thing}",
        "take care of the {thing}",
    ),
    wording=WORDING,
)
