"""A dataset of task specifications that `canvasagent craft rl` wrote; its test split where it has one."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.store import Dataset
from canvasagent.evaluation.benches._rl import task_of
from canvasagent.evaluation.tasks import EvalTask, checksum


def load(path: Path) -> tuple[list[EvalTask], str]:
    """Its tasks with their pictures as they are stored, and their checksum. Raises `InputError` for another kind."""
    with Dataset.open(path) as dataset:
        split = "test" if "test" in dataset.splits else None
        found = [
            task_of(record, [dataset.picture_bytes(name) for name in record.images]) for record in dataset.rl(split)
        ]
    return [item for item, _ in found], checksum([part for _, part in found])
