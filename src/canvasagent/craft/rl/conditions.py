"""What branches turn on: a look at the picture at hand, how it turns out, and what either side may naturally ask for.

Whether a condition holds is chosen first, so both turn out as often; what is asked about is then taken from what the
picture shows (it holds) or is known not to show (it does not).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from canvasagent.craft import acts
from canvasagent.craft.asking import things
from canvasagent.craft.asking.things import entity
from canvasagent.craft.plan import Condition, Step
from canvasagent.craft.rl.blocks import blocks
from canvasagent.craft.rl.draft import Draft
from canvasagent.craft.slots import Entity, Unfit, may_be_recolored, words
from canvasagent.craft.views import ThingState
from canvasagent.english.nouns import plural
from canvasagent.english.phrases import is_plural

COUNTED = (2, 3)
"""What is counted up to."""
HARDLY_SEEN = frozenset({"cloud", "bird", "butterfly", "ball", "bee"})
"""Things that pictures hold in passing, so that nothing is made to hang on their being away."""


@dataclass(frozen=True)
class Decision:
    """A condition, and what each side may do about the very thing that it is about."""

    condition: Condition
    yes: tuple[things.Run, ...] = ()
    no: tuple[things.Run, ...] = ()
    supposed: ThingState | None = None
    """What the picture would show if the condition turned out otherwise."""
    must: bool = False
    """The side that holds has to do one of these: nothing else can be asked for before."""


@dataclass(frozen=True)
class Kind:
    """A sort of condition."""

    tool: str
    yes: float
    no: float
    """How readily it is taken where it is to hold, and where not: what pictures seldom show is seldom denied, too."""
    make: Callable[[Draft, bool], Decision] = field(repr=False)


def decide(draft: Draft, tools: frozenset[str], holds: bool) -> Decision:
    """A look with one of `tools`, taken, and what it decides. Raises `Unfit` where no kind suits the picture."""
    kinds = [kind for kind in KINDS if kind.tool in tools]
    kinds.sort(key=lambda kind: -(draft.random.random() ** (1 / (kind.yes if holds else kind.no))))
    for kind in kinds:
        decisions: list[Decision] = []
        try:
            draft.attempt(lambda trial, kind=kind, decisions=decisions: decisions.append(kind.make(trial, holds)))  # type: ignore[misc]
        except Unfit:
            continue
        return decisions[0]
    raise Unfit("anything to make a request hang on")


def _look(draft: Draft, phrase: str) -> Step:
    if not draft.view.drawn or not draft.view.upright or draft.view.restyled:
        raise Unfit("a picture to look for things in")
    return draft.take("locate", "needed", thing=phrase)


def _edits(draft: Draft, item: ThingState) -> tuple[things.Run, ...]:
    kinds = ["recolor", "remove", "replace", "resize"]
    named = Counter(other.name for other in draft.view.items)
    if named[item.name] > 1 or item.name in things.HARD_TO_LOSE:
        kinds = ["recolor", "resize"]
    if not may_be_recolored(item.name):
        kinds.remove("recolor")
    return tuple(partial(_edited, act=act, thing=entity(item)) for act in kinds)


def _edited(draft: Draft, act: str, thing: Entity) -> None:
    things.edit(draft, act, thing)


def _added(draft: Draft, thing: Entity) -> None:
    things.add(draft, thing)


def _present(draft: Draft, holds: bool) -> Decision:
    """Something is there."""
    if holds:
        items = things.free_items(draft)
        if not items:
            raise Unfit("a thing to look for")
        item = items[draft.random.randrange(len(items))]
        draft.claim(item.key)
        step = _look(draft, item.phrase)
        absent = Entity(f"new:{item.name}", item.name, item.phrase)
        no = (partial(_added, thing=absent),)
        return Decision(_condition("present", step, holds, thing=item.phrase), _edits(draft, item), no)
    new = draft.draw("new")
    assert isinstance(new, Entity)
    if new.name in HARDLY_SEEN:
        raise Unfit("a thing that would be noticed")
    thing = Entity(f"new:{new.name}", new.name, new.name)
    draft.claim(thing.key)
    step = _look(draft, thing.name)
    item = ThingState(f"supposed:{new.name}", new.name, new.name)
    draft.claim(item.key)
    condition = _condition("present", step, holds, thing=thing.name)
    return Decision(condition, _edits(draft, item), (partial(_added, thing=thing),), item)


def _colored(draft: Draft, holds: bool) -> Decision:
    """Something of a certain colour is there."""
    named = Counter(item.name for item in draft.view.items)
    colors = words()["colours"]["names"]
    items = [
        item for item in things.free_items(draft)
        if named[item.name] == 1 and item.color in colors and may_be_recolored(item.name)
    ]  # fmt: skip
    if not items:
        raise Unfit("a thing of a colour")
    item = items[draft.random.randrange(len(items))]
    draft.claim(item.key)
    color = item.color if holds else str(draft.draw("colour for a", a=entity(item)))
    step = _look(draft, f"{color} {item.name}")
    condition = _condition("present", step, holds, thing=f"{color} {item.name}")
    if holds:
        return Decision(condition, _edits(draft, item))

    def recolored(side: acts.Draft) -> None:
        side.take("recolor", thing=entity(item), color=str(color))

    return Decision(condition, (), (recolored,))


def _count(draft: Draft, holds: bool) -> Decision:
    """There are at least so many."""
    free = {item.key for item in things.free_items(draft)}
    shown: dict[str, list[str]] = {}
    for number, picture in enumerate(draft.builder.pictures, 1):
        if draft.view.origin == number:
            for thing in picture.contents.things:
                shown.setdefault(thing.name, [thing.name] * thing.count)
    there = {name: [item for item in draft.view.items if item.name == name] for name in shown}
    fitting = [
        (name, least) for name, all_of in shown.items() for least in COUNTED
        if (len(all_of) >= least) == holds and least <= len(all_of) + 1
        and there[name] and len(there[name]) <= len(all_of) and all(item.key in free for item in there[name])
        and not is_plural(name)
    ]  # fmt: skip
    if not fitting:
        raise Unfit("things to count")
    name, least = fitting[draft.random.randrange(len(fitting))]
    draft.claim(*(item.key for item in there[name]))
    step = _look(draft, plural(name))
    return Decision(_condition("count", step, holds, thing=name, **{"at least": str(least)}))


def _read(draft: Draft) -> Step:
    if draft.view.restyled or draft.view.mirrored:
        raise Unfit("a picture to read")
    return draft.take("read", "needed")


def _says(draft: Draft, holds: bool) -> Decision:
    """It says something."""
    if not draft.view.upright or not draft.view.lines:
        raise Unfit("a text to read")
    line = things.text(draft)
    step = _read(draft)
    if holds:
        return Decision(_condition("text says", step, holds, text=line.phrase), (partial(_rewritten, old=line),))
    other = str(draft.draw("words for a", a=line))
    return Decision(_condition("text says", step, holds, text=other), (), (partial(_rewritten, old=line),))


def _rewritten(draft: Draft, old: Entity) -> None:
    things.rewrite(draft, old)


def _text(draft: Draft, holds: bool) -> Decision:
    """Anything is written at all."""
    if not draft.view.upright or bool(draft.view.lines) != holds or "text?" in draft.shared.once:
        raise Unfit("a picture with text" if holds else "a picture without")
    draft.shared.once.add("text?")
    draft.claim(*(line.key for line in draft.view.lines))
    condition = _condition("text present", _read(draft), holds)
    return Decision(condition, (), (blocks()["write"].run,))


def _upside_down(draft: Draft, holds: bool) -> Decision:
    """It stands on its head, as its letters tell."""
    turned = draft.view.turned == 180
    if turned != holds or draft.view.mirrored or not draft.view.lines or "rotate" in draft.shared.once:
        raise Unfit("a picture whose letters tell how it lies")
    draft.shared.once.add("rotate")
    condition = _condition("upside down", _read(draft), holds)
    return Decision(condition, (_set_upright,), (), must=holds)


def _set_upright(draft: acts.Draft) -> None:
    draft.take("rotate", angle="180", why="upside down")


def _condition(kind: str, step: Step, holds: bool, **facts: str) -> Condition:
    return Condition.model_validate({"kind": kind, "step": step.id, "facts": facts, "holds": holds})


KINDS = (
    Kind("Grounding", 5, 5, _present),
    Kind("Grounding", 2, 2, _colored),
    Kind("Grounding", 4, 0.4, _count),
    Kind("OCR", 4, 4, _says),
    Kind("OCR", 1, 2, _text),
    Kind("OCR", 2, 0.3, _upside_down),
)
