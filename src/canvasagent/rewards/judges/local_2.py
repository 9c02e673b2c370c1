"""The second version of the local judge: it pays for progress over the untouched input. No network, no model.

alignment     (share of checks passed - share the untouched first input passes) / (1 - that share), at least 0, then the
              caps of `local`.
aesthetics    picture quality relative to the first input. An untouched input scores 0, and so does an unrequested mask.
trajectory    F1 of the executed calls with the expected tools as multisets, less failed calls and format faults, then
              the caps of `_rules.py`. A claim of success or failure that the checks contradict costs a fifth.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from canvasagent.canvas import Kind, pixel_hash
from canvasagent.errors import InputError
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges._quality import quality
from canvasagent.rewards.judges._rules import rule_on
from canvasagent.rewards.judges._run_stats import LOOKING, RunStats, executed, run_stats_of
from canvasagent.rewards.judges.base import JudgeSettings
from canvasagent.rewards.judges.local import LocalJudge, caps_of
from canvasagent.tools import find_tool

if TYPE_CHECKING:
    from canvasagent.rewards.checks import CheckMemory

VERSION = "rules-2"
"""Goes up whenever a rule, a measure or a constant changes, so that scores of two versions are not mixed."""
FALSE_CLAIM = 0.8
"""Factor on the trajectory score of a run whose ending contradicts the checks."""


def alignment(trajectory: Trajectory, memory: CheckMemory) -> tuple[float, dict[str, Any]]:
    """Progress of the result over the input. Raises `InputError` where the task has no checks, where the input passes
    all of them, or where a check can be measured neither on the result nor on the input.
    """
    if not trajectory.checks:
        raise InputError("the task has no checks, and without them the local judge cannot score alignment.")
    from canvasagent.rewards.checks import result_of, run_checks

    outcomes = run_checks(trajectory, memory.hold)
    result = result_of(trajectory)
    untouched = replace(result, final=result.inputs[0], answer=None) if result.inputs else None
    before = [memory.hold(data, untouched) for data in trajectory.checks] if untouched is not None else []
    measurable = [one.finding.measured for one in before] or [False] * len(outcomes)
    unknown = [one for one, was in zip(outcomes, measurable, strict=True) if not (one.finding.measured or was)]
    if unknown:
        raise InputError("; ".join(f"{one.check}: {one.finding.why}" for one in unknown) + ".")
    start = sum(one.finding.passed for one in before) / len(outcomes)
    if start == 1.0:
        raise InputError("the untouched input passes every check of the task, so progress cannot be measured.")
    share = sum(one.finding.passed for one in outcomes) / len(outcomes)
    progress = max(0.0, (share - start) / (1.0 - start))
    caps = caps_of(outcomes)
    entries = [{"check": one.check, "passed": one.finding.passed, "why": one.finding.why} for one in outcomes]
    details = {"progress": progress, "share": share, "input_share": start, "caps": sorted(caps), "checks": entries}
    return min([progress, *caps]), details


def aesthetics(trajectory: Trajectory) -> tuple[float, dict[str, Any]]:
    """Quality of the result over that of the first input, at most 1. Raises `StorageError` for lost pixels."""
    if trajectory.final is None:
        return 0.0, {"why": "there is no picture"}
    asset = trajectory.asset(trajectory.final)
    if asset.kind is Kind.MASK:
        if _mask_requested(trajectory):
            low, high = asset.picture.convert("L").getextrema()
            return float(low != high), {"why": "a mask was requested"}
        return 0.0, {"why": f"the result {asset.id} is a mask, not a picture"}
    inputs = [trajectory.picture(f"img_{number}") for number in range(1, trajectory.inputs + 1)]
    if pixel_hash(asset.picture) in {pixel_hash(picture) for picture in inputs}:
        return 0.0, {"why": "the result is an untouched input"}
    own = quality(asset.picture).score
    reference = quality(inputs[0]).score if inputs else 0.0
    score = min(1.0, own / reference) if reference > 0 else own
    return score, {"quality": own, "input_quality": reference if inputs else None}


def process(trajectory: Trajectory, memory: CheckMemory) -> tuple[float, dict[str, Any]]:
    """Agreement with the expected calls, the rubric's caps, and whether the ending is true."""
    stats = run_stats_of(trajectory)
    stats = replace(stats, looked=stats.looked or any(_after_change(trajectory.turns)))
    agreement = _agreement(trajectory, stats) if stats.expected else rule_on(stats).base
    calls = max(1, len(stats.calls))
    loss = 0.4 * len(stats.failed) / calls + 0.2 * min(1.0, stats.format_faults / calls)
    caps = rule_on(stats).caps
    score = min([max(0.0, agreement - loss), *(cap.limit for cap in caps)])
    contradicted = _contradicted(trajectory, stats, memory)
    details = {
        "agreement": agreement,
        "loss": loss,
        "caps": [{"at_most": cap.limit, "why": cap.why} for cap in caps],
        "ending_contradicted": contradicted,
    }
    return score * (FALSE_CLAIM if contradicted else 1.0), details


def _agreement(trajectory: Trajectory, stats: RunStats) -> float:
    """F1 with the expected tools. A repeated look matches nothing; an extra look right after a change costs nothing."""
    expected = Counter(stats.expected)
    made: Counter[str] = Counter()
    seen: set[str] = set()
    wasted = 0
    right_after = _after_change(trajectory.turns)
    for turn, follows in zip(trajectory.turns, right_after, strict=True):
        call = turn.call
        if call is None or call.tool is None or not executed(call):
            continue
        if call.tool in LOOKING:
            key = f"{call.tool} {sorted(call.arguments.items(), key=str)} {call.assets}"
            if key in seen:
                wasted += 1
                continue
            seen.add(key)
            if follows and made[call.tool] >= expected[call.tool]:
                continue
        made[call.tool] += 1
    matched = (made & expected).total()
    return 2 * matched / (made.total() + wasted + expected.total())


def _after_change(turns: list[TurnRecord]) -> list[bool]:
    """For each turn, whether it is an executed look that directly follows a call which made a picture."""
    flags, changed = [], False
    for turn in turns:
        call = turn.call
        flags.append(changed and call is not None and call.tool in LOOKING and executed(call))
        changed = turn.asset is not None
    return flags


def _contradicted(trajectory: Trajectory, stats: RunStats, memory: CheckMemory) -> bool:
    """Whether the run claims success while a check fails, or `Not done` while all pass."""
    if not trajectory.checks or not stats.ended:
        return False
    from canvasagent.rewards.checks import run_checks

    return stats.success_claimed != all(one.finding.passed for one in run_checks(trajectory, memory.hold))


def _mask_requested(trajectory: Trajectory) -> bool:
    """Whether the last expected tool that makes a picture makes a mask."""
    tools = [find_tool(label) for label in trajectory.expected_tools or ()]
    made = [tool.makes for tool in tools if tool is not None and tool.makes != "text"]
    return bool(made) and made[-1] == "mask"


def create(argument: str | None, settings: JudgeSettings) -> LocalJudge:
    """The second local judge. It takes no argument."""
    if argument:
        raise InputError(f"the local judge takes no argument (got '{argument}').")
    from canvasagent.rewards.checks import CheckMemory

    memory = CheckMemory()
    return LocalJudge(
        "local-2",
        VERSION,
        {
            "align": lambda trajectory: alignment(trajectory, memory),
            "aesthetics": aesthetics,
            "trajectory": lambda trajectory: process(trajectory, memory),
        },
    )
