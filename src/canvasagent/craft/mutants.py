"""Mutants of gold plans: a step that changes the picture is left out, or does something else than was asked for.

A task whose checks all pass on a mutant can be met without doing what it asks for. The mutation score of a task is the
share of its mutants on which a check fails that passes on the gold run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from canvasagent.agent import Agent
from canvasagent.craft.acts import text_tools
from canvasagent.craft.gold_policy import GoldPolicy
from canvasagent.craft.plan import Branch, Found, Made, Node, Plan, Step, Value
from canvasagent.craft.slots import words
from canvasagent.craft.writers.base import Writer
from canvasagent.environment import Limits
from canvasagent.execution.toolbox import ToolBox
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.checks import run_checks
from canvasagent.task import Task
from canvasagent.tools import all_tools

INPUTS = ("image", "base_image")
"""Arguments that hold the picture which a step changes."""
OTHER_TEXT = "QUARTZ"
"""Written instead of what was asked for."""
ASIDE = 100
"""Distance from the middle, in grid units, from which a place is moved to the other side."""
OPPOSITES = {
    "brighter": "darker", "darker": "brighter", "warmer": "cooler", "cooler": "warmer",
    "more contrast": "less contrast", "less contrast": "more contrast", "more vivid": "muted", "muted": "more vivid",
    "bigger": "smaller", "smaller": "bigger", "left": "right", "right": "left", "top": "bottom", "bottom": "top",
}  # fmt: skip
"""What is put in the place of a word of a prompt."""


@dataclass(frozen=True)
class Mutant:
    """A plan in which one step is not what it was."""

    plan: Plan
    step: str
    act: str
    how: str
    """`dropped`, or what was put in the place of what."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    killed_by: str | None
    """The check that fails on it and passes on the gold run; None: it survives."""


def mutants_of(plan: Plan) -> Iterator[Mutant]:
    """Each step on the path that changes the picture, dropped, and altered where there is something else to do."""
    for step in plan.path():
        if step.tool in text_tools() or all_tools()[step.tool].makes == "mask":
            continue
        if (dropped := _dropped(plan, step)) is not None:
            yield Mutant(dropped, step.id, step.act, "dropped")
        if (altered := _altered(step)) is not None:
            other, how = altered
            yield Mutant(_with_nodes(plan, partial(_instead, step, other)), step.id, step.act, how)


async def run_mutants(
    task: Task, plan: Plan, key: str, writer: Writer, toolbox: ToolBox, seed: int = 0
) -> tuple[list[Verdict], Trajectory]:
    """A verdict on each mutant of a task's gold plan, and the gold run."""
    gold = await _run(task, plan, key, writer, toolbox, seed)
    passed = [place for place, outcome in enumerate(run_checks(gold)) if outcome.finding.passed]
    verdicts = []
    for mutant in mutants_of(plan):
        outcomes = run_checks(await _run(task, mutant.plan, key, writer, toolbox, seed))
        failed = (outcomes[place].check for place in passed if not outcomes[place].finding.passed)
        verdicts.append(Verdict(mutant, next(failed, None)))
    return verdicts, gold


async def _run(task: Task, plan: Plan, key: str, writer: Writer, toolbox: ToolBox, seed: int) -> Trajectory:
    policy = GoldPolicy(plan, writer, key, recovery=0, verify=0)
    limits = Limits(max_turns=2 * len(plan.path()) + 4)
    return await Agent(policy, toolbox, limits=limits).arun(task, seed=seed)


# ── changes of a plan ────────────────────────────────────────────────────────────────────────────────────────


def _dropped(plan: Plan, step: Step) -> Plan | None:
    """The plan without a step; what used its result takes its input. None where it has no input."""
    taken = next((step.arguments[name] for name in INPUTS if name in step.arguments), None)
    if not isinstance(taken, Made | str):
        return None

    def changed(node: Node) -> Node | None:
        if isinstance(node, Branch):
            return node
        if node.id == step.id:
            return None
        arguments = {name: _without(value, step.id, taken) for name, value in node.arguments.items()}
        return node.model_copy(update={"arguments": arguments})

    result = plan.result
    if result == step.id:
        result = taken.step if isinstance(taken, Made) else taken
    return _with_nodes(plan, changed).model_copy(update={"result": result})


def _without(value: Value, dropped: str, taken: Made | str) -> Value:
    if isinstance(value, Made) and value.step == dropped:
        return taken
    if isinstance(value, Found):
        return value.model_copy(update={"through": tuple(name for name in value.through if name != dropped)})
    return value


def _with_nodes(plan: Plan, change: Any) -> Plan:
    """The plan with every step changed; a step for which there is None is left out."""

    def walk(nodes: Sequence[Node]) -> tuple[Node, ...]:
        kept: list[Node] = []
        for node in nodes:
            if isinstance(node, Branch):
                kept.append(node.model_copy(update={"yes": walk(node.yes), "no": walk(node.no)}))
            elif (new := change(node)) is not None:
                kept.append(new)
        return tuple(kept)

    return plan.model_copy(update={"nodes": walk(plan.nodes)})


def _instead(step: Step, other: Step, node: Step) -> Step:
    return other if node == step else node


def _altered(step: Step) -> tuple[Step, str] | None:
    """The step with another angle, box, place, text or word of its prompt; None where there is no other."""
    for name, value in step.arguments.items():
        other = _other(name, value, step)
        if other is not None and other != value:
            return step.model_copy(update={"arguments": {**step.arguments, name: other}}), f"{name} {value} → {other}"
    return None


def _other(name: str, value: Value, step: Step) -> Value | None:
    if name == "angle" and isinstance(value, int):
        return {90: 270, 270: 90, 180: 90}.get(value % 360, -value)
    if name == "bbox" and isinstance(value, tuple):
        left, top, right, bottom = value
        return (1000 - right, 1000 - bottom, 1000 - left, 1000 - top)
    if name == "position" and isinstance(value, tuple):
        across, down = value
        return (1000 - across, down) if abs(across - 500) > ASIDE else (across, 1000 - down)
    if name == "content" and step.arguments.get("overlay_type") == "text":
        return OTHER_TEXT
    return _other_prompt(value, step) if name == "edit_prompt" and isinstance(value, str) else None


def _other_prompt(prompt: str, step: Step) -> str | None:
    """A prompt that asks for something else of the same kind."""
    for fact in ("new", "color", "weather", "light", "style", "setting"):
        known = step.facts.get(fact)
        options = _options(fact)
        if known and known in prompt and options:
            if step.act == "rewrite":
                return prompt.replace(known, OTHER_TEXT)
            return prompt.replace(known, next(option for option in options if option != known))
    for word, other in OPPOSITES.items():
        if re.search(rf"\b{word}\b", prompt):
            return re.sub(rf"\b{word}\b", other, prompt, count=1)
    thing = step.facts.get("thing")
    if step.act == "add" and thing and thing in prompt:
        return prompt.replace(thing, next(option for option in _options("new") if option not in thing))
    return None


def _options(fact: str) -> tuple[str, ...]:
    known = words()
    return {
        "new": ("rabbit", "bicycle"),
        "color": tuple(known["colours"]["names"]),
        "weather": tuple(known["weather"]["names"]),
        "light": tuple(known["light"]["names"]),
        "style": tuple(known["styles"]),
        "setting": tuple(known["settings"]["outdoors"]),
    }[fact]
