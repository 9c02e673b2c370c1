"""Quality control: which trajectories become data (the paper's rules, the plan's checks), each rule with a name.

A rule looks at a `Case` and says what is wrong, or nothing. The first that finds a fault rejects the item; its
name and message are stored with the rejected item, so that a report can show how many each rule rejects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from canvasagent.canvas import Kind
from canvasagent.craft.plan import Plan
from canvasagent.craft.plan_runner import PlanProgress
from canvasagent.errors import InputError
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.checks import Outcome, run_checks

MARKS = ("<tool_call>", "</tool_call>", "<Terminate>", "</Terminate>", "<image>", "<reason>", "</reason>")
"""The tags of the wire contract, which an instruction must not contain."""
INSTRUCTION_LENGTH = (8, 2000)
"""Least and most characters of an instruction."""
REASON_WORDS = (3, 90)
"""Least and most words of a reason."""


@dataclass(frozen=True)
class Case:
    """A run with its plan and the plan's progress, for the rules."""

    trajectory: Trajectory
    plan: Plan
    progress: PlanProgress

    @property
    def calls(self) -> list[tuple[TurnRecord, bool]]:
        """The turns with a call, each with whether it was a wrong turn taken on purpose."""
        turns = [turn for turn in self.trajectory.turns if turn.call is not None]
        marks = [move.injected is not None for move in self.progress.moves]
        return list(zip(turns, [*marks, *[False] * (len(turns) - len(marks))], strict=True))

    @property
    def meant(self) -> list[TurnRecord]:
        """The turns with a call that was no wrong turn on purpose."""
        return [turn for turn, error in self.calls if not error]


@dataclass(frozen=True)
class RuleViolation:
    """Why an item is rejected: the rule and its message."""

    rule: str
    why: str


Rule = Callable[[Case], str | None]


def instruction_problem(text: str) -> str | None:
    """What is wrong with an instruction; None where it can be used."""
    marker = next((mark for mark in MARKS if mark.lower() in text.lower()), None)
    if marker is not None:
        return f"the instruction holds {marker}"
    low, high = INSTRUCTION_LENGTH
    if not low <= len(text.strip()) <= high:
        return f"the instruction has {len(text.strip())} characters; {low} to {high} are taken"
    return None


def _parsable(case: Case) -> str | None:
    """Every turn keeps to the wire contract, with a reason of sensible length."""
    for turn in case.trajectory.turns:
        if turn.format_faults:
            return f"turn {turn.index}: {', '.join(turn.format_faults)}"
        words = len((turn.reason or "").split())
        if not REASON_WORDS[0] <= words <= REASON_WORDS[1]:
            return f"turn {turn.index}: a reason of {words} words"
        if re.search(r"</?(?:tool_call|reason|Terminate|image)>", turn.reason or ""):
            return f"turn {turn.index}: the reason holds a mark of the wire"
    return None


def _infrastructure(case: Case) -> str | None:
    """No part of the infrastructure failed."""
    for turn in case.trajectory.turns:
        if turn.call is not None and any(fault.stage == "infrastructure" for fault in turn.call.faults):
            return turn.call.faults[0].message
    return case.trajectory.why if case.trajectory.status in ("failed", "truncated") else None


def _valid(scores: Sequence[str]) -> Rule:
    def rule(case: Case) -> str | None:
        for turn in case.meant:
            assert turn.call is not None
            if any(turn.call.scores.get(score, 0.0) < 1 for score in scores):  # type: ignore[call-overload]
                return _turn_problem(turn)
        return None

    return rule


def _turn_problem(turn: TurnRecord) -> str:
    assert turn.call is not None
    faults = " ".join(fault.message for fault in turn.call.faults) or "not valid"
    return f"turn {turn.index}, {turn.call.name}: {faults}"


def _executed(case: Case) -> str | None:
    """The run executed the plan to its end, took the branches that the plan expects, and named its result."""
    if case.progress.mismatches:
        return f"a branch turned out otherwise than planned at {', '.join(case.progress.mismatches)}"
    if case.progress.stuck is not None:
        return case.progress.stuck
    if case.progress.next is not None or case.trajectory.status != "met":
        return f"it ended {case.trajectory.status}"
    if case.plan.result is not None and case.trajectory.final != case.progress.final:
        return f"its result is {case.trajectory.final}, not {case.progress.final}"
    return None


def _no_redundancy(case: Case) -> str | None:
    """No call is made twice, and no picture is made that nothing uses, but a mask that was asked for."""
    made: set[str] = set()
    used = {name for turn, _ in case.calls if turn.call is not None for name in turn.call.assets.values()}
    for turn in case.meant:
        assert turn.call is not None
        what = f"{turn.call.tool} {sorted(turn.call.arguments.items(), key=str)}"
        if what in made:
            return f"turn {turn.index} repeats a call: {turn.call.tool}"
        made.add(what)
        wanted = {case.trajectory.final, *used, *_masks_asked_for(case)}
        if turn.asset is not None and turn.asset not in wanted:
            return f"turn {turn.index} makes {turn.asset}, which nothing uses"
    return None


def _masks_asked_for(case: Case) -> set[str]:
    """Masks that the request wants for their own sake."""
    turns = [turn for turn, _ in case.calls]
    wanted = {
        turn.asset
        for turn, move in zip(turns, case.progress.moves, strict=False)
        if turn.asset is not None and move.step.act == "segment" and move.step.purpose == "asked"
    }
    return {name for name in wanted if case.trajectory.record_of(name).kind is Kind.MASK}


def _result(case: Case) -> str | None:
    """There is a result: a picture where one is asked for, words where words are."""
    if case.plan.result is None and case.trajectory.answer is None:
        return "it has no answer"
    return None


def _checks(case: Case) -> str | None:
    """The plan's statements hold of the result, as far as they can be measured."""
    for outcome in checked(case.trajectory, case.plan):
        if not outcome.finding.passed and measurable(outcome, case):
            return f"{outcome.check}: {outcome.finding.why}"
    return None


RULES: dict[str, Rule] = {
    "infrastructure": _infrastructure,
    "parsable": _parsable,
    "consistent references": _valid(["reference"]),
    "valid parameters": _valid(["name", "schema", "specification"]),
    "execution": _valid(["execution"]),
    "carried out": _executed,
    "result": _result,
    "no redundancy": _no_redundancy,
    "checks": _checks,
}
"""The rules in the order in which they are applied: the most expensive one last."""
STAGES = ("picture", "writer", "instruction", *RULES, "duplicate")
"""The rules that can reject an item, in order."""


def judge(case: Case) -> RuleViolation | None:
    """The first rule that the item violates; None if there is none."""
    for name, rule in RULES.items():
        why = rule(case)
        if why is not None:
            return RuleViolation(name, why)
    return None


def checked(trajectory: Trajectory, plan: Plan) -> list[Outcome]:
    """The outcome of every check of the plan on the run's result. Raises `InputError` for an invalid check."""
    if not plan.checks:
        return []
    try:
        return run_checks(trajectory)
    except InputError as error:
        raise InputError(f"a check of chain '{plan.chain}' is wrong: {error}") from error


def measurable(outcome: Outcome, case: Case) -> bool:
    """Whether a check can be measured: things are recognised in drawn pictures only."""
    if not _names_things({"check": outcome.check, **outcome.parameters}):
        return True
    if case.trajectory.final is not None and case.trajectory.record_of(case.trajectory.final).kind is Kind.MASK:
        return False
    drawn = any(picture.contents.drawn for picture in case.plan.pictures)
    generated = any(step.act == "generate" for step in case.plan.path()) and case.trajectory.profile == "lite"
    return drawn or generated


def _names_things(data: Any) -> bool:
    """Whether a check, or one inside of it, speaks of things."""
    if isinstance(data, dict):
        return str(data.get("check", "")).startswith("object_") or any(_names_things(each) for each in data.values())
    return isinstance(data, list | tuple) and any(_names_things(each) for each in data)
