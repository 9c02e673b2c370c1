"""What the formats share: pictures as files, JSON written item by item, Parquet in shards, prompts of tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from canvasagent.craft.exports import View
from canvasagent.craft.placeholders import content, placeholders
from canvasagent.craft.records import ChatMessage, RlRecord, SftRecord
from canvasagent.craft.store.layout import Record, to_json
from canvasagent.storage.foreign_json import list_in
from canvasagent.storage.names import path_below, plain_name

PICTURE_FOLDER = "images"
SHARD_BYTES = 400 * 1024 * 1024
GROUP_BYTES = 32 * 1024 * 1024


class PictureFiles:
    """Pictures of an export as files, each written once, named by its hash."""

    def __init__(self, view: View, out: Path) -> None:
        self._view, self._out = view, out

    def path(self, key: str) -> str:
        """Where the picture lies, relative to the export's folder; it is written when first asked for."""
        file = path_below(self._out, PICTURE_FOLDER, plain_name(key, "picture")[:2], f"{key}.png", what="picture")
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._view.picture(key))
        return file.relative_to(self._out).as_posix()


def write_list(path: Path, items: Iterable[Any]) -> None:
    """Write a JSON list, an item a line, without holding it in memory."""
    with path.open("w", encoding="utf-8") as stream:
        separator = "[\n"
        for item in items:
            stream.write(separator + to_json(item))
            separator = ",\n"
        stream.write("\n]\n" if separator == ",\n" else "[]\n")


def write_lines(path: Path, items: Iterable[Any]) -> None:
    """Write a file of JSON lines."""
    with path.open("w", encoding="utf-8") as stream:
        for item in items:
            stream.write(to_json(item) + "\n")


def write_parquet(folder: Path, stem: str, schema: Any, rows: Iterable[tuple[dict[str, Any], int]]) -> None:
    """Write rows, each with its size in bytes, as `stem-00000.parquet`, … of bounded size and bounded row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    writer, number, group, pending, written = None, 0, list[dict[str, Any]](), 0, 0
    try:
        for row, size in rows:
            if writer is None:
                writer = pq.ParquetWriter(folder / f"{stem}-{number:05d}.parquet", schema, compression="zstd")
            group.append(row)
            pending += size
            if pending >= GROUP_BYTES or len(group) >= 500:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group, written, pending = [], written + pending, 0
            if written >= SHARD_BYTES:
                writer.close()
                writer, number, written = None, number + 1, 0
        if writer is not None and group:
            writer.write_table(pa.Table.from_pylist(group, schema))
    finally:
        if writer is not None:
            writer.close()


def picture_struct() -> Any:
    """The column type of a picture that is kept in the row."""
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def with_features(schema: Any, features: dict[str, Any]) -> Any:
    """The schema, telling `datasets` what the columns are."""
    return schema.with_metadata({"huggingface": to_json({"info": {"features": features}})})


def configs(splits: Iterable[str], pattern: str) -> str:
    """The head of a README that tells `datasets` where the splits are; `pattern` has `{split}` in it."""
    files = "".join(f"  - split: {split}\n    path: {pattern.format(split=split)}\n" for split in splits)
    return f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n"


def prompt_of(record: Record) -> list[ChatMessage]:
    """The messages before the first turn of the policy: the system's and the user's, with placeholders."""
    if isinstance(record, SftRecord):
        turns = [number for number, message in enumerate(record.messages) if message.role == "assistant"]
        return record.messages[: turns[0]] if turns else record.messages
    try:
        kept = [ChatMessage.model_validate(message) for message in list_in(record.meta, "released", "prompt")]
    except ValidationError:
        kept = []
    return kept if kept and placeholders(kept) == len(record.images) else task_prompt(record)


def task_prompt(record: RlRecord) -> list[ChatMessage]:
    """The messages that a task of ours begins with; the system's tells of all tools."""
    from canvasagent.environment import Limits
    from canvasagent.prompts import system_prompt
    from canvasagent.protocol.turns import render_request
    from canvasagent.tools import all_tools

    turns = Limits().max_turns if record.gold_steps is None else 2 * record.gold_steps + 4
    request = render_request(record.instruction, [f"img_{number + 1}" for number in range(len(record.images))])
    return [
        ChatMessage(role="system", content=content(system_prompt(all_tools().values(), turns))),
        ChatMessage(role="user", content=content(request, len(record.images))),
    ]


def expected_tools(record: Record) -> list[str]:
    """The tools of a good run, in order."""
    return record.tools if isinstance(record, SftRecord) else record.expected_tools


def readme(view: View, head: str, text: str) -> str:
    """The README of an export."""
    made = json.dumps(view.dataset.settings, ensure_ascii=False)
    return (
        f"{head}{text.strip()}\n\n"
        f"Exported from a CanvasCraft dataset of kind `{view.kind}`, built with `{made[:2000]}`. "
        "The text and pictures of such data are made by machines; see the dataset's own card for its licence, "
        "intended uses and limits.\n"
    )
