"""Verification steps: which call can verify a step, and whether its result does."""

from __future__ import annotations

import random
import re

from canvasagent.craft.acts import act_named
from canvasagent.craft.observation_history import says
from canvasagent.craft.plan import Made, Plan, Step
from canvasagent.craft.writers.base import Seen

CHECKING = ("verify", "proofread")
_SIDE = re.compile(r"(?:on|at|to) the (left|right)(?: side)?")
_MIDDLE = 500


def verification(plan: Plan, key: str) -> Step | None:
    """A check after one of the plan's steps that has none; None where no step can be checked by looking."""
    path = plan.path()
    checks = []
    for step, after in zip(path, [*path[1:], None], strict=True):
        looked = after is not None and after.act in (*CHECKING, "locate", "read") and _looks_at(after, step)
        check = verification_of(plan, step) if not looked else None
        checks += [check] if check is not None else []
    return random.Random(f"{key}:check").choice(checks) if checks else None


def verification_of(plan: Plan, step: Step) -> Step | None:
    """The check of one step: Grounding for things, OCR for text; None where neither can tell."""
    look = act_named(step.act).look(plan, step)
    if look is None:
        return None
    return Step(
        id=f"{step.id}:check",
        tool=act_named(look.act).tool,
        arguments={"image": Made(step=step.id), **look.arguments},
        act=look.act,
        facts=look.facts,
        purpose="check",
    )


def _looks_at(after: Step, step: Step) -> bool:
    return after.arguments.get("image") == Made(step=step.id)


def satisfied(step: Step, seen: Seen) -> bool:
    """Whether the result of a verification is as expected; true for steps that verify nothing."""
    if step.tool == "Grounding":
        return bool(seen.data) == (step.facts.get("expected") != "gone")
    if step.tool == "OCR" and "text" in step.facts:
        return says(seen.data or [], step.facts["text"])
    return True


def in_place(check: Step, seen: Seen) -> bool:
    """Whether the found thing is on the requested side, if there is one."""
    side = _SIDE.fullmatch(check.facts.get("where", ""))
    if side is None or not seen.data:
        return True
    middles = [(item["bbox"][0] + item["bbox"][2]) / 2 for item in seen.data]
    return any(middle < _MIDDLE if side[1] == "left" else middle > _MIDDLE for middle in middles)


def shortfall(step: Step) -> str:
    """What a failed verification missed, in words."""
    if step.tool == "OCR":
        return f"'{step.facts.get('text', 'text')}' cannot be read"
    thing = step.facts.get("thing", "what was looked for")
    return f"the {thing} is still there" if step.facts.get("expected") == "gone" else f"the {thing} was not found"
