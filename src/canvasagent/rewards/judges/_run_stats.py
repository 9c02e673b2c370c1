"""How a run went, counted from its record: calls, errors, repeats. Judges reason on it; nothing here is an opinion."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from canvasagent.faults import Stage
from canvasagent.record.model import CallRecord, TurnRecord
from canvasagent.record.trajectory import Trajectory
from canvasagent.tools import find_tool

LOOKING = frozenset({"OCR", "Grounding"})
"""Tools that look at a picture and say what is in it: evidence, where they come after what they look at was made."""

GENERATIVE = frozenset({"ImageEdit", "ImageGeneration"})
"""Tools that do what a prompt says; all others do one thing exactly."""

_VERIFICATION = re.compile(
    r"\b(?:verify|verifying|double[- ]check|check (?:that|whether|if|it|the)|confirm|make sure|"
    r"read it (?:back|again)|prove|validate)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RunStats:
    """What was called, what became of it, and how it ended."""

    calls: tuple[CallRecord, ...]
    """Every call but those that our own infrastructure failed."""
    failed: tuple[CallRecord, ...]
    expected: tuple[str, ...] | None
    """Wire names of the expected tools, in order; None where the task names none."""
    missing: tuple[str, ...]
    """Expected tools that no call executed."""
    repeats: int
    """Executed calls that are letter for letter an earlier one on the same pictures."""
    stubborn: int
    """Failed calls that were made again at once exactly as they were."""
    bad_ids: int
    """Calls that name a picture which does not exist."""
    format_faults: int
    """Turns that break the wire contract."""
    infrastructure: int
    """Calls that our own infrastructure failed."""
    ends_on_error: bool
    """The last call failed."""
    looked: bool
    """A looking tool was executed after the last picture was made, or no picture was made and one was executed."""
    asked_to_verify: bool
    """The request asks for a check, or the expected tools end with a looking tool."""
    ended: bool
    """The policy ended the run."""
    success_claimed: bool
    """It ended the run and named nothing as not done."""

    def count(self, tools: frozenset[str]) -> int:
        """How many executed calls are of `tools`."""
        return sum(call.tool in tools for call in self.calls if executed(call))


def executed(call: CallRecord) -> bool:
    """Whether the tool did its work."""
    return call.scores.get("execution", 0.0) == 1.0


def run_stats_of(trajectory: Trajectory) -> RunStats:
    """The course of a recorded run."""
    turns = [turn for turn in trajectory.turns if turn.call is not None]
    lost = [turn for turn in turns if turn.call is not None and _lost(turn.call)]
    calls = [turn.call for turn in turns if turn.call is not None and not _lost(turn.call)]
    failed = [call for call in calls if not executed(call)]
    expected = _wire_names(trajectory.expected_tools) if trajectory.expected_tools is not None else None
    done = {call.tool for call in calls if executed(call)}
    ended = any(turn.terminate for turn in trajectory.turns)
    return RunStats(
        calls=tuple(calls),
        failed=tuple(failed),
        expected=expected,
        missing=tuple(name for name in dict.fromkeys(expected or ()) if name not in done),
        repeats=_repeats([call for call in calls if executed(call)]),
        stubborn=sum(not executed(one) and _same(one) == _same(other) for one, other in pairwise(calls)),
        bad_ids=sum(any(fault.stage is Stage.REFERENCE for fault in call.faults) for call in calls),
        format_faults=sum(bool(turn.format_faults) for turn in trajectory.turns),
        infrastructure=len(lost),
        ends_on_error=bool(calls) and not executed(calls[-1]),
        looked=_looked(trajectory.turns),
        asked_to_verify=bool(_VERIFICATION.search(trajectory.instruction))
        or bool(expected and len(expected) > 1 and expected[-1] in LOOKING),
        ended=ended,
        success_claimed=ended and not trajectory.unmet,
    )


def stats_summary(stats: RunStats, trajectory: Trajectory) -> dict[str, object]:
    """The call summary and the error counts, for a judge to read."""
    stages = Counter(fault.stage.value for call in stats.failed for fault in call.faults)
    faults = Counter(fault.value for turn in trajectory.turns for fault in turn.format_faults)
    return {
        "calls": len(stats.calls),
        "calls_by_tool": dict(Counter(call.tool or f"unknown: {call.name[:60]}" for call in stats.calls)),
        "executed_calls": len(stats.calls) - len(stats.failed),
        "failed_calls": len(stats.failed),
        "failed_calls_by_stage": dict(stages),
        "calls_with_unknown_picture_ids": stats.bad_ids,
        "exact_repeats": stats.repeats,
        "failed_calls_repeated_unchanged": stats.stubborn,
        "turns": len(trajectory.turns),
        "turns_with_format_faults": stats.format_faults,
        "format_faults": dict(faults),
        "expected_tools": list(stats.expected) if stats.expected is not None else "not known",
        "expected_tools_never_executed": list(stats.missing) if stats.expected is not None else "not known",
        "last_call_failed": stats.ends_on_error,
        "looked_at_the_result_after_the_last_change": stats.looked,
        "ended_by_the_policy": stats.ended,
        "parts_declared_not_done": len(trajectory.unmet),
        "calls_lost_by_the_infrastructure_not_to_be_blamed": stats.infrastructure,
        "status": trajectory.status,
    }


def _wire_names(labels: list[str]) -> tuple[str, ...]:
    tools = [(label, find_tool(label)) for label in labels]
    return tuple(tool.name if tool is not None else label for label, tool in tools)


def _lost(call: CallRecord) -> bool:
    return any(fault.stage is Stage.INFRASTRUCTURE for fault in call.faults)


def _same(call: CallRecord) -> str:
    """What two calls have in common that do the same: the tool and all arguments, in any order."""
    return json.dumps([call.tool or call.name, call.arguments, call.assets], sort_keys=True, default=str)


def _repeats(calls: list[CallRecord]) -> int:
    """A generating tool that is called again draws anew, so only the tools that do one thing exactly can repeat."""
    exact = [_same(call) for call in calls if call.tool not in GENERATIVE]
    return len(exact) - len(set(exact))


def _looked(turns: list[TurnRecord]) -> bool:
    made = max((turn.index for turn in turns if turn.asset is not None), default=-1)
    return any(
        turn.index > made and turn.call is not None and turn.call.tool in LOOKING and executed(turn.call)
        for turn in turns
    )
