"""Imports: released trajectories (JSON and image shards), released tasks (RL Parquet), and our own exports of either.

Nothing of a file is lost: what has no place in a record is kept in its `meta` under `released`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from canvasagent.craft.imports.files import InputFiles, classify
from canvasagent.craft.imports.items import RawItem, read_items
from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.prefixes import without_prefixes
from canvasagent.craft.imports.rl import task_of
from canvasagent.craft.imports.sft import trajectory_of
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.craft.pictures import Split
from canvasagent.craft.records import Kind
from canvasagent.craft.store import Dataset, Rejection
from canvasagent.craft.store.layout import need_pyarrow
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.storage.foreign_json import excerpt, first_problem, plain

MAX_REASON = 500
"""Characters that are kept of the reason why an item was rejected."""


class Imported(BaseModel):
    """What an import came to."""

    kind: Kind
    out: str
    counts: dict[str, int]
    """Records by split, `rejected`, `pictures`."""
    rejected: dict[str, int] = {}
    """Items that could not be taken over, by reason."""


@dataclass(frozen=True)
class ImportItem:
    """One item of a file, as it was read."""

    raw: RawItem
    split: Split
    source: str
    """File and place, for people: `train.json, item 12`."""


def import_dataset(
    path: str | Path, out: str | Path, *, images: str | Path | None = None, max_pixels: int = MAX_PIXELS
) -> Imported:
    """Make a dataset in `out` of the file or folder at `path`; `images` is where its pictures are, if not beside it.

    Goes on where it was interrupted. Items that cannot be used (damaged, a picture that is missing or has more than
    `max_pixels`, more pictures than placeholders) go to the dataset's rejected items, each with the reason, and so do
    files that cannot be read. Raises `InputError` where there is nothing that can be read.
    """
    need_pyarrow()
    inputs = classify(Path(path))
    roots = [Path(path) if Path(path).is_dir() else Path(path).parent, *([Path(images)] if images else [])]
    if images is not None and not Path(images).is_dir():
        raise InputError(f"'{images}' is not a folder; name the one that holds the pictures or their shards.")
    kind: Kind = "rl" if inputs.tasks else "sft"
    files = inputs.tasks or inputs.trajectories
    settings: dict[str, Any] = {"imported": [[file.name, file.stat().st_size] for file in files], "kind": kind}
    settings |= {"max_pixels": max_pixels} if max_pixels != MAX_PIXELS else {}
    with (
        PictureFinder(roots, inputs.shards, inputs.archives, max_pixels) as finder,
        DatasetWriter(out, kind, settings) as writer,
    ):
        for index, item in enumerate(_items(files, inputs)):
            if index >= writer.next_index:
                _add(writer, index, item, finder)
    with Dataset.open(out) as dataset:
        rejected = Counter(rejection.reason.partition(":")[0] for _, rejection in dataset.rejected())
    return Imported(kind=kind, out=str(out), counts=writer.counts, rejected=dict(rejected.most_common()))


def _items(files: list[Path], inputs: InputFiles) -> Iterator[ImportItem]:
    for file in files:
        for number, raw in enumerate(without_prefixes(read_items(file)), 1):
            yield ImportItem(raw, split_of(file), f"{file.name}, item {number}")
    for file, why in inputs.damaged:
        yield ImportItem(RawItem({}, UnusableItem("damaged file", why)), split_of(file), file.name)


def split_of(file: Path) -> Split:
    """The split that a file's name tells of; `train` where it tells of none."""
    stem = file.stem.lower()
    if stem.startswith("test"):
        return "test"
    return "validation" if stem.startswith(("val", "dev")) else "train"


def _add(writer: DatasetWriter, index: int, item: ImportItem, finder: PictureFinder) -> None:
    make = task_of if writer.kind == "rl" else trajectory_of
    try:
        if item.raw.trouble is not None:
            raise item.raw.trouble
        record, pictures = make(item.raw.data, f"{index:06d}", item.split, finder)
        writer.add(index, record, pictures)
    except (UnusableItem, ValueError) as error:
        reason = error.reason if isinstance(error, UnusableItem) else "cannot be kept"
        why = first_problem(error) if isinstance(error, ValidationError) else error
        kept = {"source": item.source, "item": item.raw.data or item.raw.text}
        writer.add(
            index,
            None,
            {},
            Rejection(stage="import", reason=excerpt(f"{reason}: {why}", MAX_REASON), record=plain(kept)),
        )
