"""Verifiable statements on a result, one file each, composed by `all_of`, `any_of` and `not`.

    run_checks(trajectory)     every statement of its task, held against its final picture, inputs and answer
    hold(data, result)         one statement against one result
    all_checks()               every check by name

`base.py` says what a check is; a file whose name begins with an underscore is a means that checks share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.checks._memory import CheckMemory
from canvasagent.rewards.checks._registry import CHECKS, Outcome, all_checks, hold, read_check
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


def result_of(trajectory: Trajectory) -> Result:
    """What checks may look at, from a run's record, live or loaded."""
    numbers = range(1, trajectory.inputs + 1)
    return Result(
        final=trajectory.final_picture,
        inputs=tuple(trajectory.picture(f"img_{number}") for number in numbers),
        answer=trajectory.answer.text if trajectory.answer is not None else None,
    )


def run_checks(trajectory: Trajectory, hold: Callable[[Mapping[str, Any], Result], Outcome] = hold) -> list[Outcome]:
    """Hold every check of the run's task against its result, in order; `hold` may be that of a `CheckMemory`.

    Raises `InputError` where a check of the task is wrong, naming what would be right; `StorageError` where a
    picture of the record is damaged.
    """
    if not trajectory.checks:
        return []
    for data in trajectory.checks:
        read_check(data)
    result = result_of(trajectory)
    return [hold(data, result) for data in trajectory.checks]


__all__ = [
    "CHECKS",
    "Check",
    "CheckMemory",
    "Example",
    "Finding",
    "Outcome",
    "Parameters",
    "Result",
    "all_checks",
    "hold",
    "read_check",
    "result_of",
    "run_checks",
]
