"""A dataset of task specifications that `canvasagent craft rl` wrote; its test split where it has one."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from canvasagent.craft.store import Dataset
from canvasagent.craft.store.reader import Unreadable
from canvasagent.errors import InputError, StorageError, refusal
from canvasagent.evaluation.benches._rl import task_of
from canvasagent.evaluation.tasks import Loaded, checksum
from canvasagent.storage.foreign_json import first_problem


def load(path: Path) -> Loaded:
    """Its tasks with their pictures as they are stored, and their checksum.

    Raises `InputError` for another kind, and where records cannot be used, with all of them: a benchmark is used as a
    whole or not at all, since results on a part of it cannot be compared.
    """
    tasks, wrong = [], list[str]()
    with Dataset.open(path) as dataset:
        if dataset.kind != "rl":
            raise InputError(f"the dataset in '{path}' is of kind {dataset.kind}; a benchmark is made of tasks (rl).")
        split = "test" if "test" in dataset.splits else None

        def skip(item: Unreadable) -> None:
            wrong.append(f"record {item.where}: {item.why}")

        for record in dataset.rl(split, skip):
            try:
                tasks.append(task_of(record, [dataset.picture_bytes(name) for name in record.images]))
            except ValidationError as error:
                wrong.append(f"record {record.id}: {first_problem(error)}")
            except (InputError, StorageError) as error:
                wrong.append(f"record {record.id}: {error}")
    if wrong:
        raise refusal(f"the dataset in '{path}' cannot be used as a benchmark", wrong)
    return Loaded([item for item, _ in tasks], checksum([part for _, part in tasks]))
