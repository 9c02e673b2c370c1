"""A thing is looked for to make sure that it is there, or gone."""

from __future__ import annotations

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, StepContext, Verb, Wording
from canvasagent.craft.asking import things as asking
from canvasagent.craft.slots import Entity


def bind(context: StepContext) -> Bound:
    """A search for the thing, and what is expected of it."""
    phrase, entity = _things.sought(context), context.facts["thing"]
    there = not isinstance(entity, Entity) or context.view.item(entity.key) is not None
    expected = context.words_for("expected") if "expected" in context.facts else "there" if there else "gone"
    return Bound({"image": context.image, "reference_text": phrase}, {"thing": phrase, "expected": expected})


WORDING = Wording(
    object="thing",
    do=(
        "check that | {is} {expected} {in?}", "make sure | {is} {expected} {in?}", "verify that | {is} {expected}",
        "see to it that | {is} {expected}", "confirm that | {is} {expected}",
        "double-check that | {is} {expected} {in?}", "have a look whether | {is} really {expected}",
        "ensure that | {is} {expected}", "look again to see that | {is} {expected}",
        "check whether | {is} really {expected}",
    ),
    tell=(
        "tell me whether | {is} {expected} {in?}", "let me know if | {is} {expected}",
        "say whether | {is} {expected} {in?}", "confirm to me that | {is} {expected}",
        "report whether | {is} {expected} {in?}",
    ),
    ask=(
        "{is} | {expected} {in?}?", "can you confirm that | {is} {expected}?", "{is} | really {expected} {in?}?",
        "would you say | {is} {expected}?",
    ),
    say=(
        "| must be {expected} in the end", "I want to be certain that | {is} {expected}",
        "it matters to me that | {is} {expected}", "in the end | should be {expected}",
        "I won't be satisfied unless | {is} {expected}",
    ),
    note=(
        "check: {thing} {expected}", "verify {thing} {expected}", "{thing} must be {expected}",
        "make sure {thing} {expected}",
    ),
    orders=(
        "check that the {thing} is {expected}", "look whether the {thing} is {expected}",
        "search for the {thing} to see if it is {expected}", "verify that the {thing} is {expected}",
        "ask Grounding whether the {thing} is {expected}", "make sure the {thing} is {expected}",
    ),
    why={
        "": (
            "I want to be sure that the {thing} is {expected}", "an edit can miss its mark",
            "it should be checked that the {thing} is {expected}",
        ),
    },
    done=(
        "it was checked that the {thing} is {expected}", "the {thing} was checked to be {expected}",
    ),
)  # fmt: skip

ACT = Act(
    name="verify",
    tool="Grounding",
    facts=("thing", "expected?"),
    bind=bind,
    named=("thing",),
    usual="check",
    verbs={
        "see": Verb("check", lambda rest: {"thing": rest, "expected": "there"}),
        "gone": Verb("check", lambda rest: {"thing": rest, "expected": "gone"}, finds=False),
    },
    asking=(Asking("early", asking.still_there, 0.6, "still there", rank=11),),
    wording=WORDING,
)
