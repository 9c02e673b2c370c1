"""A released RL file (Parquet), with its pictures beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from canvasagent.craft.imports.files import classify
from canvasagent.craft.imports.items import read_items
from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.rl import task_of as record_of
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.craft.records import RlRecord
from canvasagent.errors import InputError, refusal
from canvasagent.evaluation.benches._rl import task_of
from canvasagent.evaluation.tasks import Loaded, checksum
from canvasagent.storage.foreign_json import first_problem


def load(path: Path) -> Loaded:
    """Its tasks, each with the system prompt of its row, and their checksum.

    Rows that cannot be used are left out, each with the reason; the checksum is that of the others. Raises
    `InputError` where no row can be used.
    """
    files = classify(path)
    tasks, parts, wrong = [], [], list[str]()
    with PictureFinder([path.parent], files.shards, files.archives) as finder:
        for number, raw in enumerate(read_items(path)):
            try:
                if raw.trouble is not None:
                    raise raw.trouble
                record, pictures = record_of(raw.data, f"{number:06d}", "test", finder)
                prompt = _system_prompt(record)
                item, part = task_of(record, [pictures[name] for name in record.images], prompt)
            except (UnusableItem, ValueError, InputError) as error:
                why = first_problem(error) if isinstance(error, ValidationError) else error
                wrong.append(f"row {number + 1}: {why}")
                continue
            tasks.append(item)
            parts.append([*part, prompt] if prompt is not None else part)
    if wrong and not tasks:
        raise refusal(f"'{path}' cannot be used as a benchmark", wrong)
    return Loaded(tasks, checksum(parts), tuple(wrong))


def _system_prompt(record: RlRecord) -> str | None:
    """The system message of a row of the release; None where it has none, and for rows of our own exports."""
    row = record.meta.get("released")
    messages = row.get("prompt") if isinstance(row, dict) else None
    systems = [one["content"] for one in messages or () if isinstance(one, dict) and one.get("role") == "system"]
    return str(systems[0]) if systems else None
