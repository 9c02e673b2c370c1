"""A released RL file (Parquet), with its pictures beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from canvasagent.craft.imports.files import classify
from canvasagent.craft.imports.items import read_items
from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.rl import task_of as record_of
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.errors import InputError, refusal
from canvasagent.evaluation.benches._rl import task_of
from canvasagent.evaluation.tasks import EvalTask, checksum
from canvasagent.storage.foreign_json import first_problem


def load(path: Path) -> tuple[list[EvalTask], str]:
    """Its tasks and their checksum. Raises `InputError` that names the rows which cannot be used, and why.

    A benchmark is used as a whole or not at all, since results on a part of it cannot be compared.
    """
    files = classify(path)
    tasks, parts, wrong = [], [], list[str]()
    with PictureFinder([path.parent], files.shards, files.archives) as finder:
        for number, raw in enumerate(read_items(path)):
            try:
                if raw.trouble is not None:
                    raise raw.trouble
                record, pictures = record_of(raw.data, f"{number:06d}", "test", finder)
                item, part = task_of(record, [pictures[name] for name in record.images])
            except (UnusableItem, ValueError, InputError) as error:
                why = first_problem(error) if isinstance(error, ValidationError) else error
                wrong.append(f"row {number + 1}: {why}")
                continue
            tasks.append(item)
            parts.append(part)
    if wrong:
        raise refusal(f"'{path}' cannot be used as a benchmark", wrong)
    return tasks, checksum(parts)
