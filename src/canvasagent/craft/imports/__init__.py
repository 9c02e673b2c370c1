"""Imports: released trajectories (JSON and image shards), released tasks (RL Parquet), and our own exports of either.

Nothing of a file is lost: what has no place in a record is kept in its `meta` under `released`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from canvasagent.craft.imports._files import classify, read_items
from canvasagent.craft.imports._pictures import PictureFinder, Unusable
from canvasagent.craft.imports._rl import task_of
from canvasagent.craft.imports._sft import trajectory_of
from canvasagent.craft.pictures import Split
from canvasagent.craft.records import Kind
from canvasagent.craft.store import DatasetWriter, Rejection
from canvasagent.craft.store.layout import need_pyarrow
from canvasagent.errors import InputError


class Imported(BaseModel):
    """What an import came to."""

    kind: Kind
    out: str
    counts: dict[str, int]
    """Records by split, `rejected`, `pictures`."""
    rejected: dict[str, int] = {}
    """Items that could not be taken over, by reason."""


@dataclass(frozen=True)
class Item:
    """One item of a file, as it was read."""

    data: dict[str, Any]
    split: Split
    source: str
    """File and place, for people: `train.json, item 12`."""


def import_dataset(path: str | Path, out: str | Path, *, images: str | Path | None = None) -> Imported:
    """Make a dataset in `out` of the file or folder at `path`; `images` is where its pictures are, if not beside it.

    Goes on where it was interrupted. Items that cannot be used (a picture that is missing, more pictures than
    placeholders) are kept apart with the reason. Raises `InputError` where there is nothing that can be read.
    """
    need_pyarrow()
    found = classify(Path(path))
    roots = [Path(path) if Path(path).is_dir() else Path(path).parent, *([Path(images)] if images else [])]
    if images is not None and not Path(images).is_dir():
        raise InputError(f"'{images}' is not a folder; name the one that holds the pictures or their shards.")
    kind: Kind = "rl" if found.tasks else "sft"
    files = found.tasks or found.trajectories
    settings = {"imported": [[file.name, file.stat().st_size] for file in files], "kind": kind}
    rejected: Counter[str] = Counter()
    with (
        PictureFinder(roots, found.shards, found.archives) as finder,
        DatasetWriter(out, kind, settings) as writer,
    ):
        for index, item in enumerate(_items(files)):
            if index >= writer.next_index:
                _add(writer, index, item, finder, rejected)
    return Imported(kind=kind, out=str(out), counts=writer.counts, rejected=dict(rejected.most_common()))


def _items(files: list[Path]) -> Iterator[Item]:
    for file in files:
        for number, data in enumerate(read_items(file), 1):
            yield Item(data, split_of(file), f"{file.name}, item {number}")


def split_of(file: Path) -> Split:
    """The split that a file's name tells of; `train` where it tells of none."""
    stem = file.stem.lower()
    if stem.startswith("test"):
        return "test"
    return "validation" if stem.startswith(("val", "dev")) else "train"


def _add(writer: DatasetWriter, index: int, item: Item, finder: PictureFinder, rejected: Counter[str]) -> None:
    make = task_of if writer.kind == "rl" else trajectory_of
    try:
        record, pictures = make(item.data, f"{index:06d}", item.split, finder)
        writer.add(index, record, pictures)
    except (Unusable, ValueError) as error:
        reason = error.reason if isinstance(error, Unusable) else "cannot be kept"
        rejected[reason] += 1
        kept = {"source": item.source, "item": _without_bytes(item.data)}
        writer.add(index, None, {}, Rejection(stage="import", reason=f"{reason}: {error}", record=kept))


def _without_bytes(value: Any) -> Any:
    """The value without what JSON cannot hold."""
    if isinstance(value, dict):
        return {str(name): _without_bytes(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_bytes(inner) for inner in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else f"({type(value).__name__})"
