"""Tables from rows: six metrics with intervals, paired differences, breakdowns, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from canvasagent.evaluation.rows import FAILURES, Row
from canvasagent.evaluation.statistics import Difference, Estimate, estimate, holm, paired_difference

METRICS: dict[str, Callable[[Row], float | None]] = {
    "overall": lambda row: row.overall,
    "alignment": lambda row: row.alignment,
    "aesthetic": lambda row: row.aesthetic,
    "trajectory": lambda row: row.trajectory,
    "rule": lambda row: row.rule,
    "length": lambda row: float(row.length),
}
"""The paper's six metrics, in its order."""

BESIDE: dict[str, Callable[[Row], float | None]] = {
    "expected tools": lambda row: None if row.expected_tools is None else float(row.expected_tools),
    "gold steps": lambda row: None if row.gold_steps is None else float(row.gold_steps),
    "all checks pass": lambda row: None if row.passed is None else float(row.passed),
}
"""Further columns."""

TITLES = {
    "overall": "Overall reward", "alignment": "Alignment", "aesthetic": "Aesthetic", "trajectory": "Trajectory",
    "rule": "Rule-based", "length": "Length", "expected tools": "Expected tools", "gold steps": "Gold steps",
    "all checks pass": "All checks pass",
}  # fmt: skip


class PolicySummary(BaseModel):
    """A policy's line of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    runs: int
    figures: dict[str, Estimate | None]
    """By metric, each with its own n; None without any value."""
    unscored: int
    """Runs without an overall score."""
    reasons: dict[str, int]
    """Why they have none."""
    failures: dict[str, int]
    """Runs with that kind of failure."""


class Compared(BaseModel):
    """The difference of two policies on the tasks that both have a value for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str
    second: str
    metric: str
    difference: Difference | None
    tasks: int
    """Tasks that both have run."""
    corrected: float | None = None
    """P value corrected for all comparisons of this metric (Holm)."""


class Slice(BaseModel):
    """A policy's figures on a part of the tasks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str
    value: str
    policy: str
    overall: Estimate | None
    passed: Estimate | None
    runs: int


class Tables(BaseModel):
    """All tables of an evaluation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policies: list[PolicySummary]
    compared: list[Compared]
    slices: list[Slice]


def make_tables(rows: Sequence[Row], policies: Sequence[str]) -> Tables:
    """Every table, policies in the given order."""
    by_policy = {name: [row for row in rows if row.policy == name] for name in policies}
    return Tables(
        policies=[summary(name, rows) for name, rows in by_policy.items()],
        compared=_all_compared(by_policy),
        slices=list(_slices(by_policy)),
    )


def summary(name: str, rows: Sequence[Row]) -> PolicySummary:
    """A policy's figures over its rows. Runs that failed through no fault of the policy are unscored, not zero."""
    counted = [row for row in rows if row.status not in ("failed", "running")]
    figures = {metric: estimate([value(row) for row in counted]) for metric, value in {**METRICS, **BESIDE}.items()}
    unscored = [row for row in rows if not row.scored]
    reasons: dict[str, int] = {}
    for row in unscored:
        for why in row.unscored or [row.why or row.status]:
            reasons[why] = reasons.get(why, 0) + 1
    return PolicySummary(
        policy=name,
        runs=len(rows),
        figures=figures,
        unscored=len(unscored),
        reasons=reasons,
        failures={failure: sum(failure in row.failures for row in rows) for failure in FAILURES},
    )


def compare(one: str, other: str, rows: Mapping[str, Sequence[Row]], metric: str) -> Compared:
    """`one` minus `other` on the tasks that both have a value for."""
    value = {**METRICS, **BESIDE}[metric]
    values = {name: {row.task: value(row) for row in rows[name]} for name in (one, other)}
    tasks = [task for task in values[one] if task in values[other]]
    difference = paired_difference([values[one][task] for task in tasks], [values[other][task] for task in tasks])
    return Compared(first=one, second=other, metric=metric, difference=difference, tasks=len(tasks))


def _all_compared(by_policy: Mapping[str, Sequence[Row]]) -> list[Compared]:
    """Every pair of policies, first by pair; p values are corrected among those of one metric."""
    columns = []
    for metric in ("overall", "all checks pass"):
        found = [compare(one, other, by_policy, metric) for one, other in combinations(by_policy, 2)]
        corrected = holm([one.difference.p if one.difference is not None else None for one in found])
        columns.append([one.model_copy(update={"corrected": p}) for one, p in zip(found, corrected, strict=True)])
    return [one for pair in zip(*columns, strict=True) for one in pair]


def _slices(by_policy: Mapping[str, Sequence[Row]]) -> Iterable[Slice]:
    """Breakdowns by R, L, D, tool, chain and number of inputs."""
    order = {"easy": 0, "medium": 1, "hard": 2}
    kinds: dict[str, Callable[[Row], list[str]]] = {
        "R": lambda row: _one(row.difficulty.get("R")),
        "L": lambda row: _one(row.difficulty.get("L")),
        "D": lambda row: _one(row.difficulty.get("D")),
        "tool": lambda row: row.tools,
        "chain": lambda row: _one(row.chain),
        "inputs": lambda row: [str(row.inputs)],
    }
    for by, values_of in kinds.items():
        values = {value for rows in by_policy.values() for row in rows for value in values_of(row)}
        for value in sorted(values, key=lambda value: (order.get(value, 3), value)):
            for name, rows in by_policy.items():
                part = [row for row in rows if value in values_of(row) and row.status not in ("failed", "running")]
                yield Slice(
                    by=by,
                    value=value,
                    policy=name,
                    overall=estimate([row.overall for row in part], resamples=2000),
                    passed=estimate([BESIDE["all checks pass"](row) for row in part], resamples=2000),
                    runs=len(part),
                )


def _one(value: str | None) -> list[str]:
    return [] if value is None else [value]
