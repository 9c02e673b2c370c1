"""A thing is put in another place."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import words
from canvasagent.english.phrases import resting

PROMPTS = ("move the {thing} {where}",)


def bind(context: StepContext) -> Bound:
    """The thing in the other place."""
    item, where = context.thing(), context.words_for("where")
    view = context.view.with_item(replace(item, box=None, place=words()["moves"].get(where)))
    prompt = context.prompt(PROMPTS, thing=item.phrase, where=where)
    return context.edit(view, {"thing": item.phrase, "where": where}, prompt)


def look(plan: Plan, step: Step) -> Look | None:
    """It is found where it was put."""
    return _things.found(step.facts.get("thing"), where=step.facts.get("where"))


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`on the left` of what was moved to the left."""
    return {"where": resting(facts["where"])} if "where" in facts else {}


WORDING = Wording(
    object="thing",
    do=(
        "move | {to where}", "put | {where}", "place | {where}", "shift | {to where}", "reposition | {to where}",
        "relocate | {to where}", "have | {where}", "set | {where}", "get | {where}", "let | stand {where}",
        "drag | {to where}", "rearrange {the picture} so that | {is} {where}", "take | and put {it} {where}",
        "bring | {to where}", "pick | up and set {it} down {where}", "transfer | {to where}",
    ),
    say=(
        "| should be {where}", "| belongs {where}", "I'd like | better {where}",
        "| {is} in the wrong spot; {they} should be {where}", "I want to see | {where}",
        "| would look better {where}", "{where} would be the right spot for |", "| {was} supposed to be {where}",
        "I wish | {were} {where}",
    ),
    note=(
        "{thing}: {where}", "{thing} {where}", "move {thing} {to where}", "new spot for {thing}: {where}",
        "{thing} -> {where}", "{thing} goes {where}",
    ),
    orders=(
        "move the {thing} {to where}", "put the {thing} {where}", "shift the {thing} {to where}",
        "place the {thing} {where}",
    ),
    why={
        "": ("the {thing} belongs elsewhere", "the {thing} should stand in another place"),
    },
    done=("the {thing} was moved {to where}", "the {thing} was put {where}"),
)  # fmt: skip

ACT = Act(
    name="move",
    tool="ImageEdit",
    facts=("thing", "where"),
    bind=bind,
    look=look,
    named=("thing",),
    one_meant=True,
    about="thing",
    slots=slots,
    prompts=(rf"move {_things.THE} (?P<where>(?:to|next to|under|above|between|a bit) .+)",),
    rank=11,
    asking=(Asking("early", asking.edited("move", False), 0.4, rank=8),),
    vague=("do something about the {thing}", "change the {thing}"),
    wording=WORDING,
)
