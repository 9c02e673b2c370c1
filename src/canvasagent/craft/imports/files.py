"""Which files of a folder are what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from canvasagent.craft.imports.items import read_items
from canvasagent.errors import InputError
from canvasagent.storage.input_files import regular_file

NOT_DATA = {"manifest.json", "dataset_info.json", "dataset.json", "dataset_infos.json", "package.json"}


@dataclass
class InputFiles:
    """The files at a path, by what they are."""

    trajectories: list[Path] = field(default_factory=list)
    tasks: list[Path] = field(default_factory=list)
    shards: list[Path] = field(default_factory=list)
    """Parquet files of pictures: columns `image` and `path`."""
    archives: list[Path] = field(default_factory=list)
    """What has to be unpacked first."""
    damaged: list[tuple[Path, str]] = field(default_factory=list)
    """What may be data and cannot be read, with the reason."""


def classify(path: Path) -> InputFiles:
    """What there is at `path`. Raises `InputError` where it is nothing that can be imported, or two things at once."""
    if not path.exists():
        raise InputError(f"there is nothing at '{path}'.")
    inside = path if path.is_dir() else regular_file(path).parent
    if (inside / "dataset.json").is_file():
        raise InputError(f"'{inside}' is a dataset already; it needs no import.")
    inputs = InputFiles()
    for file in sorted([*inside.glob("*"), *inside.glob("*/*")]):
        if file.is_file() and not file.name.startswith("."):
            _sort_in(file, inputs, wanted=path.is_dir() or file == path)
    if inputs.trajectories and inputs.tasks:
        names = f"{inputs.trajectories[0].name} holds trajectories, {inputs.tasks[0].name} tasks"
        raise InputError(f"'{path}' has both kinds of data ({names}); import one file at a time.")
    if not inputs.trajectories and not inputs.tasks:
        why = f" {inputs.damaged[0][1]}" if inputs.damaged else ""
        raise InputError(
            f"'{path}' has nothing to import: a JSON file of items with messages, or a Parquet file with the columns "
            f"prompt and reward_model.{why}"
        )
    order = {"train": 0, "val": 1, "dev": 1, "test": 2}
    for files in (inputs.trajectories, inputs.tasks):
        files.sort(key=lambda file: (next((at for name, at in order.items() if file.stem.startswith(name)), 0), file))
    return inputs


def _sort_in(file: Path, files: InputFiles, wanted: bool) -> None:
    if file.name.endswith((".tar", ".tar.gz", ".tgz", ".zip")):
        files.archives.append(file)
        return
    try:
        if file.suffix == ".parquet":
            columns = _columns(file)
            if {"image", "path"} <= columns:
                files.shards.append(file)
            elif {"prompt", "reward_model"} <= columns and wanted:
                files.tasks.append(file)
        elif file.suffix in (".json", ".jsonl") and file.name not in NOT_DATA and wanted and _has_messages(file):
            files.trajectories.append(file)
    except InputError as error:
        files.damaged.append((file, str(error)))


def _columns(file: Path) -> set[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(file).names)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"'{file}' is no Parquet file, or damaged: {error}.") from error


def _has_messages(file: Path) -> bool:
    """Whether any item has messages. Raises `InputError` where no item at all can be read, with why."""
    trouble, readable = "", False
    for item in read_items(file):
        if {"messages", "conversations"} & item.data.keys():
            return True
        if item.trouble is None or item.trouble.reason == "not an object":
            readable = True
        trouble = trouble or str(item.trouble)
    if trouble and not readable:
        raise InputError(f"'{file}' cannot be read: {trouble}.")
    return False
