"""A thing is made larger or smaller."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step

PROMPTS = ("make the {thing} {size}",)


def bind(context: StepContext) -> Bound:
    """The thing in another size."""
    item, size = context.thing(), context.words_for("size")
    prompt = context.prompt(PROMPTS, thing=item.phrase, size=size)
    return context.edit(context.view.with_item(replace(item, box=None)), {"thing": item.phrase, "size": size}, prompt)


def look(plan: Plan, step: Step) -> Look | None:
    """It is still found."""
    return _things.found(step.facts.get("thing"))


WORDING = Wording(
    object="thing",
    do=(
        "make | {size}", "draw | {size}", "resize | so that {they} {is} {size}", "scale | to be {size}",
        "redraw | {size}", "have | {size} {in?}", "let | be {size} {in?}",
        "change [the size of |] until {they} {is} {size}", "adjust | to be {size}", "make | a good deal {size}",
        "make | clearly {size}", "render | {size}", "edit | to be {size}", "get | {size} {in?}",
        "turn | into a {size} one",
    ),
    say=(
        "| should be {size}", "| could be {size}", "I'd like | {size}", "| would look better {size}",
        "| {has} the wrong size, {size} would be right", "I think | ought to be {size}",
        "a {size} version of | would fit better", "| should appear {size} {in?}", "I wish | {were} {size}",
        "{size} would be better for |",
    ),
    note=(
        "{thing}: {size}", "{size} {thing}", "{thing} {size}", "size of {thing}: {size}", "{thing} -> {size}",
    ),
    orders=(
        "make the {thing} {size}", "have the {thing} drawn {size}", "change the size of the {thing} to {size}",
        "edit the {thing} to be {size}",
    ),
    why={
        "": ("the {thing} should be {size}", "the request wants the {thing} {size}"),
    },
    done=("the {thing} was made {size}", "the {thing} is {size} now"),
)  # fmt: skip

ACT = Act(
    name="resize",
    tool="ImageEdit",
    facts=("thing", "size"),
    bind=bind,
    look=look,
    named=("thing",),
    one_meant=True,
    about="thing",
    prompts=(rf"make {_things.THE} (?P<size>bigger|smaller|twice as large|half its size)",),
    rank=10,
    asking=(Asking("early", asking.edited("resize", False), 0.8, rank=7, aside=True),),
    vague=("make the {thing} look different", "change the {thing}"),
    wording=WORDING,
)
