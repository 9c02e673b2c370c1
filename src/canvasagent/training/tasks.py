"""The tasks of a GRPO run: read from a dataset of task specifications, put into an order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from canvasagent.craft.records import RlRecord, task_of
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.reader import Unreadable
from canvasagent.errors import InputError, StorageError
from canvasagent.task import Task

Curriculum = Literal["none", "solvability"]


@dataclass(frozen=True)
class TrainTask:
    """A task to train on."""

    task: Task
    solved: float | None
    """Share of a reference policy's tries that solved it; None where it was not tried."""
    gold_steps: int | None
    """Calls of the gold run."""


@dataclass(frozen=True)
class TrainTasks:
    """The tasks of a dataset, and the records that cannot be used, each with the reason."""

    tasks: tuple[TrainTask, ...]
    left_out: tuple[str, ...]


def load_tasks(folder: Path, split: str = "train") -> TrainTasks:
    """The tasks of a split of a dataset that `canvasagent craft rl` wrote.

    A record that cannot be read, or lacks a picture, is left out and named. Raises `InputError` for a dataset of
    another kind, or one without a usable task.
    """
    tasks: list[TrainTask] = []
    left_out: list[str] = []

    def skip(item: Unreadable) -> None:
        left_out.append(f"record {item.where}: {item.why}")

    with Dataset.open(folder) as dataset:
        if dataset.kind != "rl":
            raise InputError(f"the dataset in '{folder}' is of kind {dataset.kind}; GRPO trains on tasks (rl).")
        for record in dataset.rl(split, skip):
            try:
                pictures = [dataset.picture_bytes(name) for name in record.images]
                tasks.append(TrainTask(task_of(record, pictures), _solved(record), record.gold_steps))
            except (InputError, StorageError) as error:
                left_out.append(f"record {record.id}: {error}")
    if not tasks:
        raise InputError(f"the dataset in '{folder}' has no usable task in its split {split}.")
    return TrainTasks(tuple(tasks), tuple(left_out))


def _solved(record: RlRecord) -> float | None:
    tried = record.solvability or {}
    runs, solved = tried.get("runs"), tried.get("solved")
    return solved / runs if isinstance(runs, int) and isinstance(solved, int) and runs > 0 else None


def ordered(tasks: Sequence[TrainTask], curriculum: Curriculum, seed: int) -> list[TrainTask]:
    """The tasks of an epoch in the order in which they are trained on.

    `none`: shuffled by `seed`. `solvability`: those that the reference policy solves most often first; equal ones, and
    those that it did not try (at the end), by the length of their gold run, then shuffled.
    """
    shuffled = list(tasks)
    random.Random(seed).shuffle(shuffled)
    if curriculum == "solvability":
        shuffled.sort(key=lambda one: (one.solved is None, -(one.solved or 0.0), one.gold_steps or 0))
    return shuffled
