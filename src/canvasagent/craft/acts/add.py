"""Something new is put into the picture."""

from __future__ import annotations

from canvasagent.craft.acts import _things
from canvasagent.craft.acts._base import Act, Asking, Bound, CheckContext, Data, Look, StepContext, Wording, noun_of
from canvasagent.craft.asking import things as asking
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.slots import Entity, a, words
from canvasagent.craft.views import ThingState

PROMPTS = ("add {a_thing} {where}", "put {a_thing} {where}", "draw {a_thing} {where}")
PROMPTS_ANYWHERE = ("add {a_thing}", "add {a_thing} to the picture")


def bind(context: StepContext) -> Bound:
    """The new thing, where it is wanted."""
    new, where = context.facts["thing"], str(context.facts["where"]) if "where" in context.facts else None
    phrase = new.phrase if isinstance(new, Entity) else str(new)
    key, name = (new.key, new.name) if isinstance(new, Entity) else (f"new:{phrase}", phrase)
    parts = {**words()["places"], **words()["sky_places"]}
    item = ThingState(key, name, name, place=parts.get(where or ""), color=_things.named_color(phrase))
    prompt = context.prompt(PROMPTS if where else PROMPTS_ANYWHERE, a_thing=a(phrase), where=where or "")
    return context.edit(context.view.adding(item), {"thing": phrase} | ({"where": where} if where else {}), prompt)


def look(plan: Plan, step: Step) -> Look | None:
    """It is found, where it was wanted."""
    return _things.found(step.facts["thing"], where=step.facts.get("where"))


def undone(context: CheckContext) -> list[Data]:
    """The thing is not there, unless the request is about another one of its name."""
    view, name = context.view, noun_of(context.step.facts["thing"])
    others = {thing.split()[-1] for step in context.plan.path() if (thing := step.facts.get("thing"))}
    if not name or not view.drawn or view.cut is not None or name in others | {item.name for item in view.items}:
        return []
    return [{"check": "object_absent", "object": name}]


WORDING = Wording(
    object="new",
    do=(
        "add | {where?} {to?}", "put | {where?} {in?}", "place | {where?} {in?}", "draw | {where?} {in?}",
        "insert | {where?} {in?}", "paint | {where?} {in?}", "include | {where?} {in?}", "slip | {where?} {in?}",
        "stick | {where?} {in?}", "set | {where?} {in?}", "give {the picture} | {where?}", "drop | {where?} {in?}",
        "let | appear {where?} {in?}", "pop | {where?} {in?}", "have | {where?} {in?}", "bring in | {where?}",
        "sneak | {where?} {in?}", "slot | {where?} {in?}", "plant | {where?} {in?}",
    ),
    say=(
        "there should be | {where?} {in?}", "{the picture} is missing | {where?}",
        "I'd love to see | {where?} {in?}", "{the picture} could use | {where?}",
        "{the picture} would be livelier with | {where?}", "what {the picture} lacks is | {where?}",
        "| {where?} would complete {the picture}", "I imagine | {where?} {in?}",
        "somebody forgot |, which belongs {where} {in?}", "wouldn't | {where?} look great {in?}?",
        "| would look good {where} {in?}", "it's a bit empty; | {where?} would help",
    ),
    note=(
        "add {thing} {where?}", "+ {thing} {where?}", "extra {thing} {where?}", "new: {thing} {where?}",
        "{thing} {where}",
    ),
    orders=(
        "add {a thing} {where?}", "put {a thing} {where?}", "place {a thing} {where?}", "edit {a thing} in {where?}",
        "have ImageEdit add {a thing} {where?}", "insert {a thing} {where?}",
    ),
    why={
        "": (
            "the request asks for {a thing}", "{a thing} is still missing", "there should be {a thing} in it",
        ),
    },
    done=(
        "{a thing} was added {where?}", "there is {a thing} {where?} now", "the {thing} is in",
    ),
)  # fmt: skip

ACT = Act(
    name="add",
    tool="ImageEdit",
    facts=("thing", "where?"),
    bind=bind,
    undone=undone,
    checks=_things.present,
    look=look,
    named=("thing",),
    prompts=(rf"(?:add|put|draw) (?:an? )?(?P<thing>.+?)(?: (?P<where>{_things.WHERE} .+))?",),
    rank=7,
    moves=True,
    asking=(
        Asking("early", asking.added(False), 2.5, rank=9, aside=True),
        Asking("early", asking.added(True), 2.5, "add, look", ("ImageEdit", "Grounding"), 10),
    ),
    vague=("add something", "put something on the left"),
    wording=WORDING,
)
