"""The writer of a dataset: items come in order, go to shards by fixed rules, and are committed a run of them at once.

Item i belongs to run i // shard_items. A run's shards are written beside their places, moved there when they are
whole, and then committed by replacing `dataset.json`. So a process that is killed at any time loses no more than the
open run, and one that goes on from `next_index` writes the bytes that an uninterrupted one would have written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from canvasagent.craft.card import card
from canvasagent.craft.records import Kind
from canvasagent.craft.store.folder import begin, open_index, refuse_used, sweep
from canvasagent.craft.store.index import Place
from canvasagent.craft.store.layout import (
    CARD,
    GROUP_PICTURES,
    GROUP_ROWS,
    MANIFEST,
    PART_BYTES,
    PICTURES,
    RECORD_TYPES,
    RECORDS,
    REJECTED,
    REJECTED_PICTURES,
    SHARD_ITEMS,
    Record,
    Rejection,
    folder_of,
    named_by,
    need_pyarrow,
    picture_schema,
    record_schema,
    rejected_row,
    rejected_schema,
    row_of,
)
from canvasagent.craft.store.shards import ShardFile
from canvasagent.errors import StorageError
from canvasagent.storage.files import replace_file, sync_folder
from canvasagent.storage.folders import take_lock

PNG = b"\x89PNG\r\n\x1a\n"


class DatasetWriter:
    """Writes a dataset, or goes on with one that was interrupted.

    `settings` is what the items depend on (plain JSON, no numbers of workers, no paths that don't matter): a folder
    that was begun with others is refused. As a context it is closed at its end and given up on an exception.
    Raises `InputError` for a folder of something else, `StorageError` for one in use or a disk that is full; after
    that the folder is as it was at the last commit.
    """

    def __init__(
        self, folder: str | Path, kind: Kind, settings: Mapping[str, Any], *, shard_items: int = SHARD_ITEMS
    ) -> None:
        need_pyarrow()
        self.folder = Path(folder)
        self._lock = take_lock(self.folder, "another process is writing the dataset in", refuse_used)
        try:
            self._manifest = begin(self.folder, kind, dict(settings), shard_items)
            with self._storage_errors():
                sweep(self.folder, self._manifest)
                self._index = open_index(self.folder, self._manifest)
        except BaseException:
            self._lock.release()
            raise
        self._next = self._manifest.next_index
        self._open: dict[str, ShardFile] = {}
        self._part = {PICTURES: 0, REJECTED_PICTURES: 0}
        self._counts = dict(self._manifest.counts)
        self._ended = False

    @property
    def kind(self) -> Kind:
        """`sft` or `rl`."""
        return self._manifest.kind

    @property
    def next_index(self) -> int:
        """The index that `add` expects next: what is below it is in the dataset or in the open run."""
        return self._next

    @property
    def committed(self) -> int:
        """Items below this index would survive a loss of power."""
        return self._manifest.next_index

    @property
    def complete(self) -> bool:
        """Whether the dataset was closed after its last item."""
        return self._manifest.complete

    @property
    def counts(self) -> dict[str, int]:
        """Records by split, `rejected`, `pictures`; the open run included."""
        return dict(self._counts)

    def add(
        self,
        index: int,
        record: Record | None,
        pictures: Mapping[str, bytes] | None = None,
        rejected: Rejection | None = None,
    ) -> None:
        """Add item `index`: a record, or why there is none. `pictures` are PNG by the hash of their pixels.

        All pictures that the record names must be given or be in the dataset already; ValueError otherwise.
        """
        if self._ended or index != self._next:
            raise ValueError(f"item {index} is not expected: the writer is {'closed' if self._ended else self._next}.")
        if self._manifest.complete:
            raise ValueError(f"the dataset in '{self.folder}' is complete; no item can be added.")
        if (record is None) == (rejected is None):
            raise ValueError(f"item {index} must have either a record or a rejection.")
        with self._storage_errors():
            if record is not None:
                self._add_record(index, record, pictures or {})
            elif rejected is not None:
                self._add_rejected(index, rejected, pictures or {})
            self._next += 1
            if self._next % self._manifest.shard_items == 0:
                self._commit()

    def _add_record(self, index: int, record: Record, pictures: Mapping[str, bytes]) -> None:
        if not isinstance(record, RECORD_TYPES[self._manifest.kind]):
            raise ValueError(f"item {index} is a {type(record).__name__}; the dataset is of {self._manifest.kind}.")
        for key in sorted(named_by(record) - pictures.keys()):
            if self._index.find(key) is None:
                raise ValueError(f"record {record.id} names the picture {key[:12]}…, which was not given.")
        row = row_of(index, record)
        self._add_pictures(PICTURES, pictures)
        self._shard(f"{RECORDS}/{record.split}-{self._run:05d}.parquet").add(row)
        self._count(record.split)

    def _add_rejected(self, index: int, rejected: Rejection, pictures: Mapping[str, bytes]) -> None:
        row = rejected_row(index, rejected)
        self._add_pictures(REJECTED_PICTURES, pictures)
        self._shard(f"{REJECTED}/{self._run:05d}.parquet").add(row)
        self._count("rejected")

    def _add_pictures(self, below: str, pictures: Mapping[str, bytes]) -> None:
        for key, data in pictures.items():
            if data[:8] != PNG:
                raise ValueError(f"picture {key[:12]}… is no PNG.")
            if self._index.find(key, rejected=below == REJECTED_PICTURES) is not None:
                continue
            path = f"{below}/{self._run:05d}-{self._part[below]:02d}.parquet"
            width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
            row = {"hash": key, "image": {"bytes": data, "path": f"{key}.png"}, "width": width, "height": height}
            shard = self._shard(path)
            self._index.add(key, Place(path, *shard.add(row, len(data))))
            self._part[below] += shard.bytes >= PART_BYTES
            if below == PICTURES:
                self._count("pictures")

    @property
    def _run(self) -> int:
        return self._next // self._manifest.shard_items

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _shard(self, path: str) -> ShardFile:
        if path not in self._open:
            below = folder_of(path)
            if below in (PICTURES, REJECTED_PICTURES):
                self._open[path] = ShardFile(self.folder, path, picture_schema(), GROUP_PICTURES, pictures=True)
            else:
                schema = record_schema(self._manifest.kind) if below == RECORDS else rejected_schema()
                self._open[path] = ShardFile(self.folder, path, schema, GROUP_ROWS)
        return self._open[path]

    def _commit(self, complete: bool = False) -> None:
        """Commit the open run."""
        finished = [self._open[path].finish() for path in sorted(self._open)]
        for shard in self._open.values():
            shard.publish()
        for below in {folder_of(path) for path in self._open}:
            sync_folder(self.folder / below)
        update = {"complete": complete, "next_index": self._next, "counts": dict(sorted(self._counts.items()))}
        manifest = self._manifest.model_copy(update={**update, "shards": [*self._manifest.shards, *finished]})
        data = manifest.model_dump_json(indent=1).encode("utf-8")
        replace_file(self.folder / MANIFEST, data, durable=True)
        self._manifest = manifest
        self._open, self._part = {}, dict.fromkeys(self._part, 0)
        for shard_file in finished:
            if shard_file.path.startswith((PICTURES, REJECTED_PICTURES)):
                self._index.seal(shard_file.path, shard_file.sha256)
        self._index.commit()

    def close(self) -> None:
        """Commit the rest, mark the dataset complete and write the data card. Raises `StorageError`."""
        if self._ended:
            return
        try:
            if not self._manifest.complete:
                with self._storage_errors():
                    self._commit(complete=True)
            self._write_card()
        finally:
            self.abort()

    def _write_card(self) -> None:
        text = card(self.folder)
        with self._storage_errors():
            replace_file(self.folder / CARD, text.encode("utf-8"), durable=True)

    def abort(self) -> None:
        """Release the folder in the state of the last commit, from which the build can continue."""
        if self._ended:
            return
        self._ended = True
        for shard in self._open.values():
            shard.discard()
        self._index.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        """Turn errors of the disk into `StorageError`; the writer cannot be used any more."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if hasattr(self, "_ended"):
                self.abort()
            why = getattr(error, "strerror", None) or error
            raise StorageError(
                f"the dataset in '{self.folder}' could not be written: {why}. It is as it was at its last commit; "
                "the same command goes on from there."
            ) from error
