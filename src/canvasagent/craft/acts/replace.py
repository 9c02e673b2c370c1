"""A thing gives way to another one."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, Look, StepContext, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import Entity, a
from canvasagent.english.phrases import with_article

PROMPTS = (
    "replace the {thing} with {a_new}",
    "swap the {thing} for {a_new}",
    "turn the {thing} into {a_new}",
)


def bind(context: StepContext) -> Bound:
    """The picture with the new thing in the place of the old one."""
    item, new = context.thing(), context.facts["new"]
    phrase = new.phrase if isinstance(new, Entity) else str(new)
    name = new.name if isinstance(new, Entity) else phrase
    color = _things.named_color(phrase)
    changed = replace(item, name=name, phrase=name, color=color, alone=True, box=None, place=None)
    prompt = context.prompt(PROMPTS, thing=item.phrase, a_new=a(phrase))
    return context.edit(context.view.with_item(changed), {"thing": item.phrase, "new": phrase}, prompt)


def look(plan: Plan, step: Step) -> Look | None:
    """The new thing is found."""
    return _things.found(step.facts.get("new"))


def checks(context: CheckContext) -> list[Data]:
    """The new thing is there, the old one gone."""
    return [*_things.present(context), *_things.absent(context)]


def slots(step: Step, facts: dict[str, str]) -> dict[str, str]:
    """`a cat`."""
    return {"a new": with_article(facts["new"])}


WORDING = Wording(
    object="thing",
    do=(
        "replace | with {a new}", "swap | for {a new}", "exchange | for {a new}", "turn | into {a new}",
        "put {a new} where | {is} {in?}", "substitute {a new} for |", "change | into {a new}", "trade | for {a new}",
        "switch | out for {a new}", "have {a new} take the place of |", "take | out and put {a new} there",
        "make | {a new}", "let {a new} stand in for |", "put {a new} in place of |", "convert | into {a new}",
        "swap in {a new} for |",
    ),
    say=(
        "| should be {a new}", "I'd rather have {a new} than |", "instead of | there should be {a new} {in?}",
        "{a new} would be better than |", "{a new} in place of | would be great",
        "where | {is} now, I'd like {a new}", "I've had enough of |; {a new} would be better there",
        "| {was} supposed to be {a new}", "I wish | {were} {a new}",
    ),
    note=(
        "{thing} -> {new}", "{new} instead of {thing}", "{thing} out, {new} in", "{new} for the {thing}",
        "swap {thing} for {new}", "{thing}: make it {a new}",
    ),
    orders=(
        "replace the {thing} with {a new}", "swap the {thing} for {a new}", "turn the {thing} into {a new}",
        "put {a new} in place of the {thing}", "exchange the {thing} for {a new}",
    ),
    why={
        "": ("{a new} should stand where the {thing} is", "the {thing} is to become {a new}"),
    },
    done=(
        "the {thing} gave way to {a new}", "{a new} stands in for the {thing}",
        "the {thing} was replaced with {a new}",
    ),
)  # fmt: skip

ACT = Act(
    name="replace",
    tool="ImageEdit",
    facts=("thing", "new"),
    bind=bind,
    checks=checks,
    look=look,
    named=("thing", "new"),
    one_meant=True,
    slots=slots,
    prompts=(
        rf"replace {_things.THE} with (?:an? )?(?P<new>.+)",
        rf"swap {_things.THE} for (?:an? )?(?P<new>.+)",
        rf"turn (?!it ){_things.THE} into (?:an? )?(?P<new>.+)",
    ),
    rank=9,
    moves=True,
    asking=(
        Asking("early", asking.edited("replace", False), 1.5, rank=5, aside=True),
        Asking("early", asking.edited("replace", True), 2, "replace, look", ("ImageEdit", "Grounding"), 6),
    ),
    vague=("swap the {thing}", "change the {thing}"),
    wording=WORDING,
)
