"""The check of an act of plans."""

from __future__ import annotations

from random import Random
from typing import Any

from pydantic import ValidationError

from canvasagent.craft.acts import Act, StepContext, Verb, act_named
from canvasagent.craft.bench.notation import read_plan
from canvasagent.craft.difficulty import measure, of_diversity
from canvasagent.craft.pictures import Contents, Picture
from canvasagent.craft.plan import Found, Made, Plan, Step
from canvasagent.craft.slots import Entity, Unfit
from canvasagent.craft.views import PictureState, TextState, ThingState
from canvasagent.craft.writers.grammar import write_instruction
from canvasagent.craft.writers.grammar.farewells import write_farewell
from canvasagent.craft.writers.grammar.reasons import write_reason
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.testing.errors import ConformanceError, require
from canvasagent.tools import all_tools

SAMPLES: dict[str, Any] = {
    "thing": Entity("img_1:0", "dog", "dog"),
    "text": Entity("img_1/0", "SALE", "SALE", is_text=True),
    "old": Entity("img_1/0", "SALE", "SALE", is_text=True),
    "new": "cat", "color": "red", "size": "bigger", "where": "to the left", "setting": "beach", "light": "night",
    "weather": "rain", "style": "sepia", "adjustment": "brighter", "region": "left half", "angle": "90",
    "scene": "a dog on a beach", "expected": "there", "why": "mirrored",
}  # fmt: skip
"""Facts by name; any other is `something`."""
_WORDINGS = ("do", "say", "note", "tell", "ask")
_LEAST = 3
"""Ways to order it, at least."""


def check_act(act: Act) -> None:
    """Hold an act against the contract. Raises `ConformanceError` for the first thing wrong.

    Its facts bind to a call that its tool takes; an instruction, a reason and a farewell are written of it, and leave
    no slot open; a plan with it is written and read as JSON; the benchmark's
    notation reads its verbs.
    """
    subject = f"act '{act.name}'"
    tool = all_tools().get(act.tool)
    require(tool is not None, subject, f"calls the tool {act.tool!r}, which there is not.")
    assert tool is not None
    names = {name.rstrip("?") for name in act.facts}
    for field in ("one_of", "quoted", "named"):
        unknown = set(getattr(act, field)) - names
        require(not unknown, subject, f"`{field}` has {sorted(unknown)}, which are none of its facts.")
    require(len(act.wording.do) >= _LEAST, subject, f"has fewer than {_LEAST} ways to order it (`wording.do`).")
    for field in ("orders", "done"):
        require(bool(getattr(act.wording, field)), subject, f"has no `wording.{field}`.")
    facts = {name.rstrip("?"): SAMPLES.get(name.rstrip("?"), "something") for name in act.facts if name[-1] != "?"}
    facts |= {name: SAMPLES.get(name, "something") for name in act.one_of[:1]}
    try:
        bound = act.bind(_context(facts))
        tool.arguments.model_validate({name: _plain(name, value) for name, value in bound.arguments.items()})
    except (Unfit, ValidationError) as error:
        raise ConformanceError(f"{subject}: its facts {sorted(facts)} bind to no call: {error}") from error
    made = bound.view is not None
    require(made == (tool.makes != "text"), subject, f"`bind` gives {'a' if made else 'no'} view, unlike its tool.")
    step = Step(id="s1", tool=act.tool, arguments=bound.arguments, act=act.name, facts=bound.facts)
    contents = Contents(drawn=True)
    picture = Picture(source="check", key="check", size=(512, 512), contents=contents)
    plan = Plan(chain=act.tool, pictures=(picture, picture), nodes=(step,))
    require(Plan.model_validate_json(plan.model_dump_json()) == plan, subject, "changes when written as JSON.")
    _check_notation(act, facts, subject)
    act.look(plan, step)
    act.slots(step, dict(bound.facts))
    for number in range(20):
        try:
            texts = (
                write_instruction(plan, f"check {number}"), write_reason(plan, step, (), f"check {number}"),
                write_farewell(plan, (), f"check {number}"),
            )  # fmt: skip
        except (CanvasAgentError, KeyError) as error:
            raise ConformanceError(f"{subject}: cannot be put into words: {error!r}") from error
        for text in texts:
            require(not {"{", "}", "|"} & set(text), subject, f"leaves a slot open: {text}")
    require(act_named(act.name).name == act.name, subject, "is not found by its name.")


def _check_notation(act: Act, facts: dict[str, Any], subject: str) -> None:
    """The benchmark's notation reads its verbs, or its edit prompts, as steps of it, which count for difficulty."""
    first = next(iter(facts.values()), "")
    verbs = act.verbs or {act.name.replace(" ", "_"): Verb()}
    texts = {f"{verb} {kind.example or getattr(first, 'phrase', first)}": kind for verb, kind in verbs.items()}
    if act.prompts:
        contexts = [_context(facts, seed) for seed in range(8)]
        texts = {f"edit {act.bind(context).arguments['edit_prompt']}": Verb() for context in contexts}
    for text, kind in texts.items():
        try:
            plan = read_plan(f"gen a dog; find dog; sam; {text}", "")
        except InputError as error:
            raise ConformanceError(f"{subject}: the benchmark's notation does not read '{text}': {error}") from error
        last = plan.path()[-1]
        same = (last.act, last.tool, last.purpose) == (act.name, act.tool, kind.purpose)
        require(same, subject, f"the notation reads '{text}' as {last.act} ({last.purpose}).")
        counted = measure(plan)["D"] == of_diversity({"ImageGeneration", "Grounding", "SAM", act.tool})
        require(counted, subject, "is not counted by the measure of difficulty.")


def _context(facts: dict[str, Any], seed: int = 0) -> StepContext:
    items = (ThingState("img_1:0", "dog", "dog", (100, 100, 400, 500), "brown"),)
    lines = (TextState("img_1/0", "SALE", (500, 100, 900, 200)),)
    view = PictureState(items=items, lines=lines, size=(512, 512), origin=1, drawn=True)
    shown = PictureState(kind="cutout", items=items, size=(200, 200))
    box, made = Found(step="s0"), Made(step="s0")
    return StepContext(view, facts, Random(f"check {seed}"), "img_1", box, made, made, shown, id="s1")


def _plain(name: str, value: Any) -> Any:
    """An argument as a call has it."""
    if isinstance(value, Made):
        return "SAM_0" if name == "mask" else "img_1"
    if isinstance(value, Found):
        return [300, 300] if name == "position" else [100, 100, 400, 500]
    return list(value) if isinstance(value, tuple) else value
