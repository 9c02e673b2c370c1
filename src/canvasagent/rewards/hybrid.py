"""The hybrid reward: judges and rules put together (equation 1), by preset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from canvasagent.errors import InputError
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.action import CallScore
from canvasagent.rewards.config import PAPER, Preset, Weights, find_preset
from canvasagent.rewards.efficiency import Costs
from canvasagent.rewards.judges.base import ASPECTS, Aspect, Judge, Verdict, unfinished
from canvasagent.rewards.rule import Counts, Rules, rules
from canvasagent.tools import find_tool


@dataclass(slots=True)
class Parts:
    """The parts of R. A judge's part is None where there is no verdict; it is never a default."""

    align: float | None
    aesthetics: float | None
    trajectory: float | None
    rule: float
    format: float
    action: float
    coverage: float


class Score(BaseModel):
    """What a trajectory earns under a preset, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    """Id of the run."""
    preset: str
    total: float | None
    """R, 0 to 1; None where a part that the preset needs is missing (`unscored` says which)."""
    parts: Parts
    penalties: Costs
    """The terms of equation 7, each apart."""
    efficiency: float
    """Their sum."""
    turns: tuple[float, ...]
    """Format of each turn."""
    calls: tuple[CallScore, ...]
    """q of each call with its parts (equations 4 and 5)."""
    counts: Counts
    missing: tuple[str, ...]
    """Expected tools that are not covered."""
    judges: dict[Aspect, str]
    """Who judged which part, with its model."""
    unscored: tuple[str, ...]
    """Why there is no total."""
    notes: tuple[str, ...]
    """What a reader should know: recorded call and text that differ, calls left out."""


def hybrid_reward(align: float, aesthetics: float, trajectory: float, rule: float, weights: Weights) -> float:
    """Equation 1: R = 0.3 align + 0.1 aesthetics + 0.2 trajectory + 0.4 rule, clamped to [0, 1].

    `weights` are equation 1's, or what an ablation leaves of them.
    """
    return _clamp(
        weights.align * align + weights.aesthetics * aesthetics + weights.trajectory * trajectory + weights.rule * rule
    )


def _sum(preset: Preset, judged: Mapping[Aspect, float], rule_parts: Rules, trajectory: Trajectory) -> float:
    """Equation 1 with the preset's weights; 0 to 1."""
    return hybrid_reward(
        judged["align"], judged["aesthetics"], judged["trajectory"], rule=rule_parts.rule, weights=preset.weights
    )


def _gated(preset: Preset, judged: Mapping[Aspect, float], rule_parts: Rules, trajectory: Trajectory) -> float:
    """Equation 1 with two corrections; 0 to 1. It is 0 where tools are expected and no call served the result.
    And the process is judged no better than its turns and calls were: a judge that sees shares can be thinned out too.
    """
    counts = rule_parts.counts
    if counts.expected and not counts.useful and not counts.infrastructure:
        return 0.0
    process = min(judged["trajectory"], rule_parts.action, rule_parts.format)
    return hybrid_reward(judged["align"], judged["aesthetics"], process, rule=rule_parts.rule, weights=preset.weights)


def _release(preset: Preset, judged: Mapping[Aspect, float], rule_parts: Rules, trajectory: Trajectory) -> float:
    """The release's sum: gate · clamp(0.4 outcome + 0.6 process − penalties); 0 to 1 (no equation of the paper)."""
    if not rule_parts.counts.executed or (trajectory.final is None and _needs_picture(trajectory)):
        return 0.0
    numbers = preset.release
    judges = PAPER.align + PAPER.aesthetics
    outcome = (PAPER.align * judged["align"] + PAPER.aesthetics * judged["aesthetics"]) / judges
    weighed = (
        (numbers.trajectory, judged["trajectory"]),
        (numbers.format, rule_parts.format),
        (numbers.action, rule_parts.action),
        (numbers.coverage, rule_parts.coverage),
        (numbers.depth, depth(rule_parts, preset)),
    )
    process = min(1.0, sum(weight * part for weight, part in weighed) / sum(weight for weight, _ in weighed))
    return _clamp(numbers.outcome * outcome + numbers.process * process - rule_parts.costs.total)


def _needs_picture(trajectory: Trajectory) -> bool:
    """Whether a task is not done without a picture: all but those that expect nothing but tools that make text."""
    tools = [find_tool(name) for name in trajectory.expected_tools or ()]
    return not tools or any(tool is None or tool.makes != "text" for tool in tools)


def depth(rule_parts: Rules, preset: Preset) -> float:
    """The release's depth: how far executed calls go towards the expected ones; 0 to 1, 0 where at most one is
    expected or nothing is known to be.
    """
    executed, expected, numbers = rule_parts.counts.executed, rule_parts.counts.expected or 0, preset.release
    if expected <= 1 or not executed:
        return 0.0
    second = numbers.second_call if executed >= 2 or not rule_parts.missing else 0.0
    return numbers.first_call + second + numbers.calls * min(executed, expected) / expected


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


COMBINE: Mapping[str, Callable[[Preset, Mapping[Aspect, float], Rules, Trajectory], float]] = MappingProxyType(
    {"sum": _sum, "gated": _gated, "release": _release}
)
"""How the presets add up, by the name in `Preset.combine`."""


def needed(preset: Preset) -> tuple[Aspect, ...]:
    """The judged parts that a preset cannot do without."""
    return tuple(aspect for aspect in ASPECTS if getattr(preset.weights, aspect) > 0)


def score(
    trajectory: Trajectory, preset: str | Preset = "paper", verdicts: Mapping[Aspect, Verdict] | None = None
) -> Score:
    """Score a trajectory, live or loaded from its file.

    The rule parts are always there. `verdicts` are what a judge said, by aspect; where one that the preset needs is
    missing, or has no score, the total is None and `unscored` says why. Raises `InputError` for an unknown preset,
    a verdict under another aspect's name, or a run whose tools are not installed here.
    """
    chosen = find_preset(preset)
    rule_parts = rules(trajectory, chosen)
    by_aspect = dict(verdicts or {})
    for aspect, verdict in by_aspect.items():
        if verdict.aspect != aspect:
            raise InputError(f"the verdict given for '{aspect}' is about '{verdict.aspect}'.")
    judged = {aspect: verdict.score for aspect, verdict in by_aspect.items() if verdict.score is not None}
    unscored = _unscored(trajectory, chosen, by_aspect)
    total = None
    if not unscored:
        known = {aspect: judged.get(aspect, 0.0) for aspect in ASPECTS}  # a part without weight may be unknown
        total = COMBINE[chosen.combine](chosen, known, rule_parts, trajectory)
    return Score(**_fields(trajectory, chosen, by_aspect, judged, rule_parts), total=total, unscored=unscored)


async def judge_and_score(
    trajectory: Trajectory, preset: str | Preset, judge: Judge | None
) -> tuple[Score, dict[Aspect, Verdict]]:
    """The score of a trajectory with the verdicts of `judge`; without one, of its rule parts. Raises as `score`."""
    verdicts = await judge.judge(trajectory) if judge is not None else {}
    return await asyncio.to_thread(score, trajectory, preset, verdicts), verdicts


def _fields(
    trajectory: Trajectory,
    preset: Preset,
    verdicts: Mapping[Aspect, Verdict],
    judged: Mapping[Aspect, float],
    rule_parts: Rules,
) -> dict[str, Any]:
    return {
        "run": trajectory.id,
        "preset": preset.name,
        "parts": Parts(
            align=judged.get("align"),
            aesthetics=judged.get("aesthetics"),
            trajectory=judged.get("trajectory"),
            rule=rule_parts.rule,
            format=rule_parts.format,
            action=rule_parts.action,
            coverage=rule_parts.coverage,
        ),
        "penalties": rule_parts.costs,
        "efficiency": rule_parts.costs.total,
        "turns": rule_parts.turns,
        "calls": rule_parts.calls,
        "counts": rule_parts.counts,
        "missing": rule_parts.missing,
        "judges": {aspect: f"{verdict.judge} ({verdict.model})" for aspect, verdict in verdicts.items()},
        "notes": rule_parts.notes,
    }


def _unscored(trajectory: Trajectory, preset: Preset, verdicts: Mapping[Aspect, Verdict]) -> tuple[str, ...]:
    """Why there can be no total: an unfinished run, a verdict that is missing, verdicts of different judges."""
    if why := unfinished(trajectory):
        return (why,)
    wanted = needed(preset)
    missing = []
    for aspect in wanted:
        verdict = verdicts.get(aspect)
        if verdict is None:
            missing.append(f"{aspect}: no judge was asked.")
        elif verdict.score is None:
            missing.append(f"{aspect}: {verdict.judge} gave no score: {verdict.error or 'no reason kept'}")
    if missing:
        return tuple(missing)
    names = sorted({verdicts[aspect].judge for aspect in wanted})
    if len(names) > 1:
        return (f"the verdicts are of different judges ({', '.join(names)}), whose scores are not to be added up.",)
    return ()
