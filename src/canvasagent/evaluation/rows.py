"""One row a run: its scores and counts. Tables are computed from rows alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import CanvasAgentError
from canvasagent.evaluation.tasks import EvalTask
from canvasagent.faults import Stage
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.hybrid import Score
from canvasagent.rewards.judges.base import Aspect, Verdict
from canvasagent.storage.names import PlainPath

Failure = Literal["format", "reference", "specification", "execution", "gave up", "wrong result", "truncated"]
FAILURES: dict[Failure, str] = {
    "format": "a turn broke the wire contract, named no tool there is, or its arguments do not fit the schema",
    "reference": "a call named a picture that does not exist, or one of the wrong kind",
    "specification": "arguments that fit the schema but make no sense",
    "execution": "a tool refused or could not do what a sound call asked for",
    "gave up": "the policy ended the run itself and said that a part is not done, or without any call",
    "wrong result": "the policy ended the run as done, and a check on the result does not pass",
    "truncated": "a limit cut the run off",
}
"""Kinds of failure; a run can have several."""

_STAGES: dict[Stage, Failure] = {
    Stage.NAME: "format",
    Stage.SCHEMA: "format",
    Stage.REFERENCE: "reference",
    Stage.SPECIFICATION: "specification",
    Stage.EXECUTION: "execution",
}


class CheckRow(BaseModel):
    """A check on the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    score: float
    passed: bool
    why: str = ""


class Row(BaseModel):
    """The figures of a run. Unknown values are None, never a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    kind: Literal["agent", "image-only"] = "agent"
    """An image model alone has no trajectory, and is scored on alignment and aesthetic only."""
    task: str
    folder: PlainPath
    """The run's folder, relative to the results'."""
    status: str
    why: str | None = None
    overall: float | None = None
    alignment: float | None = None
    aesthetic: float | None = None
    trajectory: float | None = None
    rule: float | None = None
    length: int = 0
    """Calls made, failed ones included."""
    expected_tools: int | None = None
    gold_steps: int | None = None
    checks: list[CheckRow] | None = None
    """None where the task has none or they could not be measured."""
    failures: list[Failure] = Field(default_factory=list)
    difficulty: dict[str, str] = Field(default_factory=dict)
    chain: str | None = None
    tools: list[str] = Field(default_factory=list)
    """Distinct tools that the task expects; if that is unknown, those used."""
    inputs: int = 0
    unscored: list[str] = Field(default_factory=list)
    """Why there is no overall score."""
    judges: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0
    cost: float | None = None
    cached: int = 0
    """Calls answered from the cache."""

    @property
    def scored(self) -> bool:
        """Whether the row has all scores of its kind."""
        return (self.overall if self.kind == "agent" else self.alignment) is not None

    @property
    def passed(self) -> bool | None:
        """Whether all checks pass; None where there are none."""
        return all(check.passed for check in self.checks) if self.checks else None


def make_row(
    name: str, item: EvalTask, run: Trajectory, folder: str, score: Score | None, verdicts: Mapping[Aspect, Verdict]
) -> Row:
    """The row of a run. Reads its pictures only if the verdicts lack the outcome of the checks."""
    checks, trouble = _checks(run, verdicts)
    unscored = [*(score.unscored if score is not None else ()), *trouble]
    expected = item.task.expected_tools
    parts = score.parts if score is not None else None
    return Row(
        policy=name,
        task=item.id,
        folder=folder,
        status=run.status,
        why=run.why,
        overall=score.total if score is not None else None,
        alignment=parts.align if parts else None,
        aesthetic=parts.aesthetics if parts else None,
        trajectory=parts.trajectory if parts else None,
        rule=parts.rule if parts else None,
        length=len(run.tool_calls),
        expected_tools=len(expected) if expected is not None else None,
        gold_steps=item.gold_steps,
        checks=checks,
        failures=failures_of(run, checks),
        difficulty=dict(item.task.difficulty),
        chain=item.chain,
        tools=sorted(set(expected if expected is not None else run.tool_calls)),
        inputs=len(item.task.images),
        unscored=unscored,
        judges={str(aspect): who for aspect, who in score.judges.items()} if score is not None else {},
        seconds=run.seconds,
        cost=run.cost,
        cached=sum(turn.call.cached for turn in run.turns if turn.call is not None),
    )


def outcome_only(row: Row) -> Row:
    """The row of an image model alone: without the scores that only an agent can have."""
    gone = {"kind": "image-only", "overall": None, "trajectory": None, "rule": None, "length": 1}
    return row.model_copy(update={**gone, "failures": [one for one in row.failures if one == "wrong result"]})


def failures_of(run: Trajectory, checks: list[CheckRow] | None) -> list[Failure]:
    """The kinds of failure of a run, in the order of `FAILURES`."""
    kinds: set[Failure] = set()
    for turn in run.turns:
        if turn.format_faults:
            kinds.add("format")
        for fault in turn.call.faults if turn.call is not None else ():
            if fault.stage in _STAGES:
                kinds.add(_STAGES[fault.stage])
    if run.status == "truncated":
        kinds.add("truncated")
    elif run.status == "unmet" or (run.status == "met" and not run.tool_calls):
        kinds.add("gave up")
    if run.status == "met" and checks is not None and not all(check.passed for check in checks):
        kinds.add("wrong result")
    return [failure for failure in FAILURES if failure in kinds]


def _checks(run: Trajectory, verdicts: Mapping[Aspect, Verdict]) -> tuple[list[CheckRow] | None, list[str]]:
    """The outcome of the task's checks, from the local judge's verdict if it has them; and the error, if any."""
    if not run.checks or run.status in ("failed", "running"):
        return None, []
    verdict = verdicts.get("align")
    if verdict is not None and verdict.judge == "local" and verdict.raw:
        entries: list[dict[str, Any]] = json.loads(verdict.raw).get("checks", [])
        return [CheckRow(**one) for one in entries], []
    from canvasagent.rewards.checks import run_checks

    try:
        outcomes = run_checks(run)
    except CanvasAgentError as error:
        return None, [f"checks: {error}"]
    rows = [
        CheckRow(check=one.check, score=one.finding.score, passed=one.finding.passed, why=one.finding.why)
        for one in outcomes
    ]
    return rows, []
