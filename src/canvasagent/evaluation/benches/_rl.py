"""Task specifications as tasks of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from canvasagent.craft.plan import Plan
from canvasagent.craft.records import RlRecord
from canvasagent.craft.records import task_of as specified_task
from canvasagent.evaluation.tasks import MAX_TURNS, EvalTask


def task_of(
    record: RlRecord, pictures: Sequence[bytes], system_prompt: str | None = None
) -> tuple[EvalTask, list[Any]]:
    """The task, and its part of the benchmark's checksum."""
    plan = Plan.model_validate(record.plan) if record.plan is not None else None
    steps = record.gold_steps if record.gold_steps is not None else len(record.expected_tools) or None
    item = EvalTask(
        specified_task(record, pictures, system_prompt),
        gold=plan,
        gold_steps=steps,
        chain=record.chain,
        max_turns=2 * steps + 4 if steps is not None else MAX_TURNS,
    )
    return item, [record.id, record.instruction, record.images, record.expected_tools, record.checks]
