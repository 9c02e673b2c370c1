"""Changing records of a finished dataset: all at once, or not at all.

Records and rejections are written anew under names of a further revision; replacing `dataset.json` makes them the
dataset's, and only then the old files go. Pictures stay where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.store.folder import refuse_used, sweep
from canvasagent.craft.store.layout import (
    CARD,
    GROUP_ROWS,
    MANIFEST,
    RECORDS,
    REJECTED,
    Manifest,
    Record,
    Rejection,
    Shard,
    folder_of,
    record_schema,
    rejected_row,
    rejected_schema,
    row_of,
)
from canvasagent.craft.store.reader import Dataset
from canvasagent.craft.store.shards import ShardFile
from canvasagent.errors import InputError, StorageError
from canvasagent.storage.files import replace_file, sync_folder
from canvasagent.storage.folders import locked

Change = Callable[[int, Record], Record | Rejection]
"""Returns the new state of item `index`: the same record, another one, or a rejection."""
_RUN, _REVISION = 5, 3
"""Digits of a run in the name of a shard, and of a revision behind it."""


def rewrite(folder: str | Path, change: Change) -> None:
    """Change the records of the dataset in `folder`. Raises `InputError` where it is not finished, `StorageError`
    where another process writes it or the disk is full: then it is as it was.
    """
    folder = Path(folder)
    Dataset.open(folder).close()  # there is one: a lock is made in no other folder
    with locked(folder, "another process is writing the dataset in", refuse_used):
        try:
            with Dataset.open(folder) as dataset:
                if not dataset.complete:
                    raise InputError(f"the dataset in '{folder}' is not finished; finish its build first.")
                _rewritten(folder, dataset, change)
        except OSError as error:
            why = error.strerror or error
            raise StorageError(f"the dataset in '{folder}' could not be written: {why}. It is as it was.") from error


def _rewritten(folder: Path, dataset: Dataset, change: Change) -> None:
    manifest = dataset.manifest
    sweep(folder, manifest)
    files = _Files(folder, manifest)
    counts: Counter[str] = Counter()
    try:
        for index, kind, item in _items(dataset):
            outcome = change(index, item) if kind == RECORDS else item
            if isinstance(outcome, Rejection):
                files.of(REJECTED, "", index).add(rejected_row(index, outcome))
                counts["rejected"] += 1
            else:
                files.of(RECORDS, f"{outcome.split}-", index).add(row_of(index, outcome))
                counts[outcome.split] += 1
        shards = files.finish()
    except BaseException:
        files.discard()
        raise
    kept = [shard for shard in manifest.shards if folder_of(shard.path) not in (RECORDS, REJECTED)]
    pictures = {"pictures": manifest.counts.get("pictures", 0)} if "pictures" in manifest.counts else {}
    update = {"shards": [*shards, *kept], "counts": dict(sorted({**counts, **pictures}.items()))}
    changed = manifest.model_copy(update=update)
    replace_file(folder / MANIFEST, changed.model_dump_json(indent=1).encode("utf-8"), durable=True)
    sweep(folder, changed)
    from canvasagent.craft.card import card

    replace_file(folder / CARD, card(folder).encode("utf-8"), durable=True)


def _items(dataset: Dataset) -> Iterator[tuple[int, str, Any]]:
    """Records and rejections in the order of the build."""
    records, rejected = dataset.indexed(), iter(sorted(dataset.rejected(), key=lambda item: item[0]))
    rejection = next(rejected, None)
    for index, record in records:
        while rejection is not None and rejection[0] < index:
            yield rejection[0], REJECTED, rejection[1]
            rejection = next(rejected, None)
        yield index, RECORDS, record
    while rejection is not None:
        yield rejection[0], REJECTED, rejection[1]
        rejection = next(rejected, None)


class _Files:
    """The shards of a new revision while they are written."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._revision = 1 + max((_revision(shard.path) for shard in manifest.shards), default=0)
        if self._revision >= 10**_REVISION:
            raise InputError(f"the dataset in '{folder}' was changed {self._revision - 1} times; export and import it.")
        self._open: dict[str, ShardFile] = {}

    def of(self, below: str, head: str, index: int) -> ShardFile:
        """The shard that item `index` goes to."""
        run = index // self._manifest.shard_items
        path = f"{below}/{head}{run:0{_RUN}d}{self._revision:0{_REVISION}d}.parquet"
        if path not in self._open:
            schema = record_schema(self._manifest.kind) if below == RECORDS else rejected_schema()
            self._open[path] = ShardFile(self._folder, path, schema, GROUP_ROWS)
        return self._open[path]

    def finish(self) -> list[Shard]:
        """Finish and publish every shard."""
        finished = [self._open[path].finish() for path in sorted(self._open)]
        for shard in self._open.values():
            shard.publish()
        for below in {folder_of(path) for path in self._open}:
            sync_folder(self._folder / below)
        return finished

    def discard(self) -> None:
        """Remove them."""
        for shard in self._open.values():
            shard.discard()


def _revision(path: str) -> int:
    """The revision in the name of a shard of records or rejections; 0 for the first."""
    number = Path(path).stem.rpartition("-")[2]
    below = folder_of(path)
    return int(number[_RUN:]) if below in (RECORDS, REJECTED) and len(number) > _RUN else 0
