"""A released RL file (Parquet), with its pictures beside it."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.imports._files import classify, read_items
from canvasagent.craft.imports._pictures import PictureFinder, Unusable
from canvasagent.craft.imports._rl import task_of as record_of
from canvasagent.errors import InputError
from canvasagent.evaluation.benches._rl import task_of
from canvasagent.evaluation.tasks import EvalTask, checksum


def load(path: Path) -> tuple[list[EvalTask], str]:
    """Its tasks and their checksum. Raises `InputError` that names the first row which cannot be used, and why."""
    files = classify(path)
    tasks, parts = [], []
    with PictureFinder([path.parent], files.shards, files.archives) as finder:
        for number, row in enumerate(read_items(path)):
            try:
                record, pictures = record_of(row, f"{number:06d}", "test", finder)
            except (Unusable, ValueError) as error:
                raise InputError(f"'{path}', row {number + 1}: {error}") from error
            item, part = task_of(record, [pictures[name] for name in record.images])
            tasks.append(item)
            parts.append(part)
    return tasks, checksum(parts)
