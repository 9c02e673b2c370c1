"""The hybrid reward of a batch of rollouts: judges, rules and checks, each part apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from canvasagent.errors import CanvasAgentError
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.config import Preset
from canvasagent.rewards.hybrid import Score, judge_and_score
from canvasagent.rewards.judges.base import ASPECTS, Aspect, Judge, Verdict

LogMetric = Callable[[str, float], None]


@dataclass(frozen=True)
class ScoredRun:
    """A rollout with its reward."""

    run: Trajectory | None
    """None where the episode could not begin."""
    score: Score | None
    why: str = ""
    """Why there is no reward."""
    checks: tuple[bool, ...] = ()
    """Whether each check of the task passes; empty where the judge ran none."""

    @property
    def reward(self) -> float | None:
        """R under the preset; None where it could not be had, which is never a default."""
        return self.score.total if self.score is not None else None


@dataclass(frozen=True)
class HybridReward:
    """Scores rollouts under a preset with a judge (None: a preset of rules alone)."""

    preset: Preset
    judge: Judge | None

    async def score_all(self, runs: Sequence[Trajectory | CanvasAgentError]) -> list[ScoredRun]:
        """The rewards of a batch, judged at the same time. Errors of judges and of the infrastructure are in them."""
        return list(await asyncio.gather(*(self._score(run) for run in runs)))

    async def _score(self, run: Trajectory | CanvasAgentError) -> ScoredRun:
        if isinstance(run, CanvasAgentError):
            return ScoredRun(None, None, str(run))
        try:
            scored, verdicts = await judge_and_score(run, self.preset, self.judge)
        except CanvasAgentError as error:
            return ScoredRun(run, None, str(error))
        return ScoredRun(run, scored, "; ".join(scored.unscored), _checks(verdicts))


def _checks(verdicts: Mapping[Aspect, Verdict]) -> tuple[bool, ...]:
    """The outcome of the task's checks, where the judge of alignment is a local one, which runs them."""
    verdict = verdicts.get("align")
    if verdict is None or not verdict.judge.startswith("local") or not verdict.raw:
        return ()
    return tuple(bool(one["passed"]) for one in json.loads(verdict.raw).get("checks", []))


def log_parts(scored: Sequence[ScoredRun], log_metric: LogMetric) -> None:
    """Log the means of the reward's parts, and the figures that show whether a policy still uses its tools.

    A part that no rollout has is not logged.
    """
    values: dict[str, list[float]] = {}

    def add(name: str, value: float | None) -> None:
        if value is not None:
            values.setdefault(name, []).append(float(value))

    for one in scored:
        add("rollout/unscored", one.reward is None)
        if one.checks:
            add("rollout/solved", all(one.checks))
        if one.run is not None:
            _add_run(one.run, add)
        if one.score is not None:
            _add_score(one.score, add)
    for name, each in values.items():
        log_metric(name, fmean(each))


def _add_run(run: Trajectory, add: Callable[[str, float | None], None]) -> None:
    calls = [turn.call for turn in run.turns if turn.call is not None]
    add("rollout/turns", len(run.turns))
    add("rollout/calls", len(calls))
    add("rollout/without_calls", not calls)
    add("rollout/truncated", run.status == "truncated")
    add("rollout/failed", run.status == "failed")
    add("rollout/format_faults", sum(bool(turn.format_faults) for turn in run.turns) / max(1, len(run.turns)))
    if calls:
        add("rollout/valid_calls", sum(not call.faults for call in calls) / len(calls))
        add("rollout/cached_calls", sum(call.cached for call in calls) / len(calls))
        add("rollout/tool_seconds", sum(call.seconds for call in calls))


def _add_score(scored: Score, add: Callable[[str, float | None], None]) -> None:
    parts = scored.parts
    for name in (*ASPECTS, "rule", "format", "action", "coverage"):
        add(f"reward/{name}", getattr(parts, name))
    add("reward/efficiency", scored.efficiency)
    add("rollout/repeats", scored.counts.exact_repeats + scored.counts.same_tool)
