"""Errors injected on purpose, so that the data shows how a policy notices failures and corrects them.

Each kind fits certain steps. Outcomes are real: the wrong call is executed, and the run continues from its
observation.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from canvasagent.craft.acts import act_named
from canvasagent.craft.plan import Found, Plan, Step

ErrorKind = Literal["wrong id", "wrong box", "small box", "vague phrase", "wrong colour", "wrong place", "refused edit"]

WEIGHTS: dict[ErrorKind, int] = {
    "wrong id": 2, "wrong box": 2, "small box": 3, "vague phrase": 4, "wrong colour": 4, "wrong place": 4,
    "refused edit": 3,
}  # fmt: skip
"""Weights of the kinds if several fit a plan."""

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")
_SIDES = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class InjectedError:
    """An error to inject: its kind, the step that it precedes, and the arguments that it changes."""

    kind: ErrorKind
    step: str
    changed: Mapping[str, Any]
    """Arguments that are wrong; of boxes a share or an order that is applied to the right one."""
    facts: Mapping[str, str]
    """Facts of the wrong call that differ: colour, place, phrase."""


def choose_error(plan: Plan, key: str) -> InjectedError | None:
    """An error that fits the plan, or None."""
    rng = random.Random(f"{key}:mishap")
    fits: dict[ErrorKind, list[InjectedError]] = {}
    for step in plan.path():
        for find in _FINDERS:
            for error in find(plan, step, rng):
                fits.setdefault(error.kind, []).append(error)
    if not fits:
        return None
    kinds = sorted(fits)
    kind = rng.choices(kinds, [WEIGHTS[name] for name in kinds])[0]
    return rng.choice(fits[kind])


def _wrong_id(plan: Plan, step: Step, rng: random.Random) -> Iterator[InjectedError]:
    """An id that does not exist: one too many, or a tool's that made nothing yet."""
    name = next((each for each in ("image", "base_image") if each in step.arguments), None)
    if name is not None:
        nowhere = rng.choice((f"img_{len(plan.pictures) + 1}", "img_0", f"{step.tool}_9"))
        yield InjectedError("wrong id", step.id, {name: nowhere}, {})


def _wrong_box(plan: Plan, step: Step, rng: random.Random) -> Iterator[InjectedError]:
    """A box whose edges are in the wrong order, or one that reaches out of the picture; one that is too small."""
    if step.tool in ("Crop", "SAM") and isinstance(step.arguments.get("bbox"), Found):
        yield InjectedError("wrong box", step.id, {"bbox": rng.choice(("turned round", "outside"))}, {})
        yield InjectedError("small box", step.id, {"bbox": "small"}, {})


def _vague_phrase(plan: Plan, step: Step, rng: random.Random) -> Iterator[InjectedError]:
    """A bare name where the picture shows several of that name."""
    phrase = step.arguments.get("reference_text")
    thing = plan.thing_meant(str(phrase)) if step.act == "locate" and isinstance(phrase, str) else None
    if thing is not None and thing.count > 1 and thing.name != phrase:
        yield InjectedError("vague phrase", step.id, {"reference_text": thing.name}, {"thing": thing.name})


def _wrong_edit(plan: Plan, step: Step, rng: random.Random) -> Iterator[InjectedError]:
    """Another colour or the other side than asked for, where that can be seen by looking for the thing."""
    prompt, thing = str(step.arguments.get("edit_prompt", "")), step.facts.get("thing", "")
    color, where = step.facts.get("color", ""), step.facts.get("where", "")
    noun = plan.name_of(thing)
    if step.act == "recolor" and noun and re.search(rf"\b{re.escape(color)}\b", prompt) and color in COLORS:
        had = {one.color for picture in plan.pictures for one in picture.contents.things}
        other = rng.choice([each for each in COLORS if each != color and each not in had])
        wrong = re.sub(rf"\b{re.escape(color)}\b(?!.*\b{re.escape(color)}\b)", other, prompt)
        yield InjectedError("wrong colour", step.id, {"edit_prompt": wrong}, {"color": other})
    side = re.fullmatch(r"(?:on|at|to) the (left|right)(?: side)?", where)
    if step.act in ("add", "move") and side and where in prompt and (step.act == "move" or not plan.thing_meant(thing)):
        other = where.replace(side[1], _SIDES[side[1]])
        yield InjectedError("wrong place", step.id, {"edit_prompt": prompt.replace(where, other)}, {"where": other})


def _refused_edit(plan: Plan, step: Step, rng: random.Random) -> Iterator[InjectedError]:
    """An edit in words that say too little."""
    vague = act_named(step.act).vague
    if vague:
        thing = plan.name_of(step.facts.get("thing", "")) or step.facts.get("thing", "picture")
        wording = rng.choice(vague).format(thing=thing)
        yield InjectedError("refused edit", step.id, {"edit_prompt": wording}, {})


_FINDERS: tuple[Callable[[Plan, Step, random.Random], Iterator[InjectedError]], ...] = (
    _wrong_id, _wrong_box, _vague_phrase, _wrong_edit, _refused_edit,
)  # fmt: skip


def corrupted(error: InjectedError, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call's arguments with the error applied."""
    wrong = {**arguments, **error.changed}
    if "bbox" in error.changed:
        left, top, right, bottom = arguments["bbox"]
        wide, high = right - left, bottom - top
        small = [left + wide * 3 // 8, top + high * 3 // 8, right - wide * 3 // 8, bottom - high * 3 // 8]
        wrong["bbox"] = {
            "turned round": [right, bottom, left, top],
            "outside": [left, top, right + 1000, bottom],
            "small": small
            if wide >= 40 and high >= 40
            else [left, top, left + max(8, wide // 4), top + max(8, high // 4)],
        }[error.changed["bbox"]]
    return wrong
