"""The local judge: no network, no model. Always labelled local, never to be averaged with a model's scores.

alignment     the task's checks: their mean score, capped as the rubric says where one does not pass. A task without
              checks has no alignment score: the verdict says so, and no score is made up.
aesthetics    no-reference measures of the picture (see `_quality.py`). No picture scores 0, and so does a mask.
trajectory    rules on the record (see `_rules.py`): exactly one call scores 0, and so on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from canvasagent.canvas import Kind
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges._quality import quality
from canvasagent.rewards.judges._rules import rule_on
from canvasagent.rewards.judges._run_stats import run_stats_of
from canvasagent.rewards.judges.base import ASPECTS, Aspect, JudgeSettings, Verdict, unfinished

if TYPE_CHECKING:
    from canvasagent.rewards.checks import Outcome

Part = Callable[[Trajectory], tuple[float, dict[str, Any]]]
"""Scores one aspect, 0 to 1, with the details for the verdict's `raw`."""

VERSION = "rules-1"
"""Goes up whenever a rule, a measure or a constant changes, so that scores of two versions are not mixed."""

CAPS = {"text_readable": 0.3, "answer_contains": 0.3}
"""Most that alignment can be where a check of this name does not pass: wrong visible text."""
CAP = 0.5
"""The same for every other check: a major element is missing or misplaced."""
BROAD_THEME = 0.4
"""The same where most checks do not pass."""


@dataclass(frozen=True)
class LocalJudge:
    """Rules and measures. Deterministic: the same record always gets the same verdicts."""

    name: str
    version: str
    parts: Mapping[Aspect, Part]

    async def judge(self, trajectory: Trajectory) -> dict[Aspect, Verdict]:
        """A verdict for every aspect. What cannot be judged is missing and says why."""
        return await asyncio.to_thread(self._judge, trajectory)

    def _judge(self, trajectory: Trajectory) -> dict[Aspect, Verdict]:
        if why := unfinished(trajectory):
            return {aspect: self._verdict(aspect, None, error=why) for aspect in ASPECTS}
        return {aspect: self._part(aspect, part, trajectory) for aspect, part in self.parts.items()}

    def _part(self, aspect: Aspect, part: Part, trajectory: Trajectory) -> Verdict:
        began = time.perf_counter()
        try:
            score, details = part(trajectory)
        except CanvasAgentError as error:
            return self._verdict(aspect, None, error=str(error))
        raw = json.dumps(details, ensure_ascii=False).encode("utf-8", "replace").decode()
        return self._verdict(aspect, score, raw=raw, seconds=time.perf_counter() - began)

    def _verdict(self, aspect: Aspect, score: float | None, **more: Any) -> Verdict:
        return Verdict(aspect=aspect, score=score, judge=self.name, model=self.version, cost=0.0, **more)


def alignment(trajectory: Trajectory) -> tuple[float, dict[str, Any]]:
    """How far the task's checks hold. Raises `InputError` where there are none, one is unknown, or one cannot be
    measured on this result: what it would have added is missing, not 0 and not 1.
    """
    if not trajectory.checks:
        raise InputError("the task has no checks, and without them the local judge cannot tell alignment.")
    from canvasagent.rewards.checks import run_checks

    outcomes = run_checks(trajectory)
    if unknown := [one for one in outcomes if not one.finding.measured]:
        raise InputError("; ".join(f"{one.check}: {one.finding.why}" for one in unknown) + ".")
    caps = caps_of(outcomes)
    mean = sum(one.finding.score for one in outcomes) / len(outcomes)
    entries = [
        {"check": one.check, "score": one.finding.score, "passed": one.finding.passed, "why": one.finding.why}
        for one in outcomes
    ]
    score = min(1.0, max(0.0, min([mean, *caps])))
    return score, {"mean": mean, "caps": sorted(caps), "checks": entries}


def caps_of(outcomes: Sequence[Outcome]) -> list[float]:
    """The rubric's limits of alignment for the checks that do not pass."""
    caps = [CAPS.get(one.check, CAP) for one in outcomes if not one.finding.passed]
    if 2 * len(caps) > len(outcomes):
        caps.append(BROAD_THEME)
    return caps


def aesthetics(trajectory: Trajectory) -> tuple[float, dict[str, Any]]:
    """How good the result looks. Raises `StorageError` where its pixels cannot be had."""
    if trajectory.final is None:
        return 0.0, {"why": "there is no picture"}
    asset = trajectory.asset(trajectory.final)
    if asset.kind is Kind.MASK:
        return 0.0, {"why": f"the result {asset.id} is a mask, not a picture"}
    measured = quality(asset.picture)
    parts = {
        name: {"value": round(value, 4), "score": round(part, 4)} for name, (value, part) in measured.parts.items()
    }
    return measured.score, {"measures": parts}


def process(trajectory: Trajectory) -> tuple[float, dict[str, Any]]:
    """How well the run went, by rules."""
    ruling = rule_on(run_stats_of(trajectory))
    caps = [{"at_most": cap.limit, "why": cap.why} for cap in ruling.caps]
    return ruling.score, {"base": round(ruling.base, 4), "caps": caps}


def create(argument: str | None, settings: JudgeSettings) -> LocalJudge:
    """The local judge. It takes no argument."""
    if argument:
        raise InputError(f"the local judge takes no argument (got '{argument}').")
    return LocalJudge("local", VERSION, {"align": alignment, "aesthetics": aesthetics, "trajectory": process})
