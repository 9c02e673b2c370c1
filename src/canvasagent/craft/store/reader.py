"""The reader of a dataset: records in sequence, pictures by hash, in bounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import io
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from PIL import Image
from pydantic import ValidationError

from canvasagent.craft.records import Kind, RlRecord, SftRecord
from canvasagent.craft.store.index import PictureIndex, Place
from canvasagent.craft.store.layout import (
    INDEX,
    MANIFEST,
    PICTURES,
    RECORDS,
    REJECTED,
    Manifest,
    Record,
    Rejection,
    Shard,
    columns_of,
    need_pyarrow,
    read_manifest,
    record_of,
)
from canvasagent.errors import InputError, StorageError
from canvasagent.storage.foreign_json import first_problem, read_json

R = TypeVar("R", SftRecord, RlRecord)

GROUPS_KEPT = 8
"""Row groups of pictures kept in memory."""


@dataclass(frozen=True)
class Unreadable:
    """A record, or a whole shard, that cannot be read."""

    where: str
    """Id of the record, or path of the shard."""
    why: str


Skip = Callable[[Unreadable], None]
"""Called with each unreadable record that is skipped."""


class Dataset:
    """A dataset in a folder. Open one with `Dataset.open`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._index: PictureIndex | None = None
        self._groups: OrderedDict[tuple[str, int], list[bytes]] = OrderedDict()
        self._files: OrderedDict[str, Any] = OrderedDict()

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Raises `InputError` where there is no dataset, `StorageError` where it is damaged or of another version."""
        need_pyarrow()
        manifest = read_manifest(Path(folder))
        for shard in manifest.shards:
            file = Path(folder) / shard.path
            size = file.stat().st_size if file.is_file() else None
            if size != shard.bytes:
                what = "is missing" if size is None else f"has {size} bytes instead of {shard.bytes}"
                raise StorageError(f"the dataset in '{folder}' is damaged: '{shard.path}' {what}.")
        return cls(Path(folder), manifest)

    @property
    def kind(self) -> Kind:
        """`sft` or `rl`."""
        return self.manifest.kind

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its build."""
        return self.manifest.settings

    @property
    def complete(self) -> bool:
        """Whether its build has finished."""
        return self.manifest.complete

    @property
    def splits(self) -> list[str]:
        """The splits that have records."""
        return [split for split in ("train", "validation", "test") if self.manifest.counts.get(split)]

    def __len__(self) -> int:
        """Number of records."""
        return sum(self.manifest.counts[split] for split in self.splits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        if self._index is not None:
            self._index.close()
        while self._files:
            self._files.popitem()[1].close()
        self._index = None

    def rows(self, split: str | None = None, skip: Skip | None = None) -> Iterator[Record]:
        """The records, of one split or all, in the order of the build. `skip` as in `indexed`."""
        for _, record in self.indexed(split, skip):
            yield record

    def sft(self, split: str | None = None) -> Iterator[SftRecord]:
        """`rows` of a dataset of trajectories. Raises `InputError` for another kind."""
        return self._of(SftRecord, split)

    def rl(self, split: str | None = None, skip: Skip | None = None) -> Iterator[RlRecord]:
        """`rows` of a dataset of tasks. Raises `InputError` for another kind."""
        return self._of(RlRecord, split, skip)

    def _of(self, wanted: type[R], split: str | None, skip: Skip | None = None) -> Iterator[R]:
        for record in self.rows(split, skip):
            if not isinstance(record, wanted):
                raise InputError(f"the dataset in '{self.folder}' is of kind {self.kind}; this needs the other.")
            yield record

    def indexed(self, split: str | None = None, skip: Skip | None = None) -> Iterator[tuple[int, Record]]:
        """The records with their index in the build.

        What cannot be read is skipped and reported to `skip`; without `skip`, it raises `StorageError`.
        """
        runs: dict[str, list[Shard]] = {}
        for shard in self.manifest.below(RECORDS):
            of, _, run = Path(shard.path).stem.rpartition("-")
            if split is None or of == split:
                runs.setdefault(run, []).append(shard)
        for run in sorted(runs, key=int):
            streams = [self._table(shard, skip=skip) for shard in runs[run]]
            for row in heapq.merge(*streams, key=lambda row: row["index"] or 0):
                if (record := self._record(row, skip)) is not None:
                    yield row["index"], record

    def _record(self, row: dict[str, Any], skip: Skip | None) -> Record | None:
        try:
            return record_of(self.kind, row)
        except ValueError as error:
            why = first_problem(error) if isinstance(error, ValidationError) else str(error)
            if skip is None:
                raise StorageError(f"record {row['id']} in '{self.folder}' is damaged: {why}.") from error
            skip(Unreadable(str(row["id"]), why))
            return None

    def columns(self, names: list[str], split: str | None = None, skip: Skip | None = None) -> Iterator[dict[str, Any]]:
        """Some columns of the records alone, shard by shard, which is much faster than `rows`. `skip`: of shards."""
        for shard in self.manifest.below(RECORDS):
            if split is None or Path(shard.path).stem.rpartition("-")[0] == split:
                yield from self._table(shard, names, skip)

    def rejected(self) -> Iterator[tuple[int, Rejection]]:
        """The rejected items, each with its index in the build."""
        for shard in self.manifest.below(REJECTED):
            for row in self._table(shard):
                try:
                    record = None if row["record"] is None else read_json(row["record"])
                    fields = {name: row[name] for name in ("stage", "reason", "images")}
                    rejection = Rejection(**fields, record=record)
                except ValueError as error:
                    raise StorageError(f"'{self.folder / shard.path}' is damaged: {error}.") from error
                yield row["index"], rejection

    def _table(
        self, shard: Shard, columns: list[str] | None = None, skip: Skip | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of a shard. The rest of a shard that cannot be read further is skipped and reported to `skip`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.folder / shard.path) as file:
                need = set(columns or columns_of(self.kind, shard.path))
                if lacking := sorted(need - set(file.schema_arrow.names)):
                    raise ValueError(f"it lacks the columns {', '.join(lacking)}")
                for batch in file.iter_batches(batch_size=50, columns=columns):
                    yield from batch.to_pylist()
        except (OSError, ValueError, pa.ArrowException) as error:
            if skip is None:
                raise StorageError(f"'{self.folder / shard.path}' cannot be read: {error}.") from error
            skip(Unreadable(shard.path, str(error)))

    def hashes(self) -> Iterator[str]:
        """The hashes of all pictures of records."""
        for shard in self.manifest.below(PICTURES):
            for row in self._table(shard, ["hash"]):
                yield row["hash"]

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """All pictures of records in storage order: hash and PNG."""
        for shard in self.manifest.below(PICTURES):
            for row in self._table(shard, ["hash", "image"]):
                yield row["hash"], row["image"]["bytes"]

    def __contains__(self, key: object) -> bool:
        """Whether it has a picture of that hash."""
        return isinstance(key, str) and self._places().find(key) is not None

    def picture_bytes(self, key: str) -> bytes:
        """A picture as PNG. Raises `StorageError` where there is none of that hash."""
        place = self._places().find(key, rejected=True)
        if place is None:
            raise StorageError(f"the dataset in '{self.folder}' has no picture {key[:12]}….")
        return self._group(place)[place.row]

    def picture(self, key: str) -> Image.Image:
        """A picture, decoded. Raises `StorageError` where there is none of that hash, or it is damaged."""
        data = self.picture_bytes(key)
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
                opened.load()
                profile = opened.info.get("icc_profile")
                picture = opened.copy()
        except (OSError, SyntaxError, ValueError) as error:
            raise StorageError(f"picture {key[:12]}… in '{self.folder}' is damaged: {error}.") from error
        picture.info = {"icc_profile": profile} if profile else {}
        return picture

    def _group(self, place: Place) -> list[bytes]:
        import pyarrow as pa

        key = place.path, place.row_group
        if key not in self._groups:
            try:
                table = self._file(place.path).read_row_group(place.row_group, columns=["image"])
            except (OSError, pa.ArrowException) as error:
                raise StorageError(f"'{self.folder / place.path}' cannot be read: {error}.") from error
            self._groups[key] = [image["bytes"] for image in table["image"].to_pylist()]
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _file(self, path: str) -> Any:
        import pyarrow.parquet as pq

        if path not in self._files:
            self._files[path] = pq.ParquetFile(self.folder / path)
            while len(self._files) > GROUPS_KEPT:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(path)
        return self._files[path]

    def _places(self) -> PictureIndex:
        """The index in the folder if it is up to date, else a temporary one."""
        if self._index is None:
            with contextlib.suppress(sqlite3.Error):
                kept = PictureIndex(self.folder / INDEX, read_only=True)
                if kept.matches(self.manifest):
                    self._index = kept
                    return kept
                kept.close()
            self._index = PictureIndex("")
            self._index.update(self.folder, self.manifest)
        return self._index

    def verify(self) -> list[str]:
        """The damaged shards, in words, by their checksums. Reads all data."""
        wrong: list[str] = []
        for shard in self.manifest.shards:
            with (self.folder / shard.path).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != shard.sha256:
                    wrong.append(f"'{shard.path}' was changed: it does not have the checksum that {MANIFEST} says.")
        return wrong
