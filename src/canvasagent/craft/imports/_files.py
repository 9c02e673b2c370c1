"""Which files of a folder are what, and their items one after the other, however large the file is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError

NOT_DATA = {"manifest.json", "dataset_info.json", "dataset.json", "dataset_infos.json", "package.json"}
CHUNK = 1 << 20


@dataclass
class Found:
    """The files at a path, by what they are."""

    trajectories: list[Path] = field(default_factory=list)
    tasks: list[Path] = field(default_factory=list)
    shards: list[Path] = field(default_factory=list)
    """Parquet files of pictures: columns `image` and `path`."""
    archives: list[Path] = field(default_factory=list)
    """What has to be unpacked first."""


def classify(path: Path) -> Found:
    """What there is at `path`. Raises `InputError` where it is nothing that can be imported, or two things at once."""
    if not path.exists():
        raise InputError(f"there is nothing at '{path}'.")
    inside = path if path.is_dir() else path.parent
    if (inside / "dataset.json").is_file():
        raise InputError(f"'{inside}' is a dataset already; it needs no import.")
    found = Found()
    for file in sorted([*inside.glob("*"), *inside.glob("*/*")]):
        if file.is_file() and not file.name.startswith("."):
            _sort_in(file, found, wanted=path.is_dir() or file == path)
    if found.trajectories and found.tasks:
        names = f"{found.trajectories[0].name} holds trajectories, {found.tasks[0].name} tasks"
        raise InputError(f"'{path}' has both kinds of data ({names}); import one file at a time.")
    if not found.trajectories and not found.tasks:
        raise InputError(
            f"'{path}' has nothing to import: a JSON file of items with messages, or a Parquet file with the columns "
            "prompt and reward_model."
        )
    order = {"train": 0, "val": 1, "dev": 1, "test": 2}
    for files in (found.trajectories, found.tasks):
        files.sort(key=lambda file: (next((at for name, at in order.items() if file.stem.startswith(name)), 0), file))
    return found


def _sort_in(file: Path, found: Found, wanted: bool) -> None:
    if file.suffix == ".parquet":
        columns = _columns(file)
        if {"image", "path"} <= columns:
            found.shards.append(file)
        elif {"prompt", "reward_model"} <= columns and wanted:
            found.tasks.append(file)
    elif file.suffix in (".json", ".jsonl") and file.name not in NOT_DATA and wanted and _has_messages(file):
        found.trajectories.append(file)
    elif file.name.endswith((".tar", ".tar.gz", ".tgz", ".zip")):
        found.archives.append(file)


def _columns(file: Path) -> set[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(file).names)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"'{file}' is no Parquet file, or damaged: {error}.") from error


def _has_messages(file: Path) -> bool:
    first = next(read_items(file), None)
    return isinstance(first, dict) and bool({"messages", "conversations"} & first.keys())


def read_items(file: Path) -> Iterator[dict[str, Any]]:
    """The items of a JSON list, of JSON lines or of a Parquet file. Raises `InputError` where it is damaged."""
    if file.suffix == ".parquet":
        yield from _parquet_items(file)
        return
    for value in _json_values(file):
        if not isinstance(value, dict):
            raise InputError(f"'{file}' is not a list of objects: it holds a {type(value).__name__}.")
        yield value


def _parquet_items(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=32):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"'{file}' is damaged: {error}.") from error


def _json_values(file: Path) -> Iterator[Any]:
    """Top-level values, or those of a top-level list, decoded one by one."""
    decoder = json.JSONDecoder()
    with file.open(encoding="utf-8-sig") as stream:
        text, at, chunk = stream.read(CHUNK), 0, CHUNK
        while True:
            while at < len(text) and text[at] in " \t\r\n,[]":
                at += 1
            try:
                value, at = decoder.raw_decode(text, at)
                chunk = CHUNK
            except ValueError as error:
                more = stream.read(chunk)
                if not more and text[at:].strip():
                    raise InputError(f"'{file}' is damaged near '{text[at : at + 40]}…': {error.args[0]}.") from error
                text, at, chunk = text[at:] + more, 0, 2 * chunk
                if not text:
                    return
            else:
                yield value
