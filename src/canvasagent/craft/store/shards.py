"""One shard file: rows go in, in groups; it is written under a temporary name and renamed when it is whole.

The settings are fixed and nothing depends on time or machine, so the same rows give the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canvasagent.craft.store.layout import COMPRESSION_LEVEL, GROUP_BYTES, Shard

PART = ".part"
"""Suffix of an unfinished shard, whose name begins with a dot."""


class ShardFile:
    """A shard that is being written. Raises OSError, and ValueError for a row that its columns cannot hold."""

    def __init__(self, folder: Path, path: str, schema: Any, group_rows: int, pictures: bool = False) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = self.bytes = self.groups = 0
        self._schema, self._group_rows = schema, group_rows
        self._pending: list[dict[str, Any]] = []
        self._pending_bytes = 0
        self._place = folder / path
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = self._place.with_name(f".{self._place.name}{PART}")
        self._stream = self._temporary.open("xb")  # `sweep` has removed what a killed process left
        try:
            self._writer = pq.ParquetWriter(
                self._stream,
                schema,
                version="2.6",
                use_dictionary=False,
                write_statistics=["index"] if not pictures else ["hash"],
                compression={"hash": "zstd", "image.bytes": "none", "image.path": "zstd"} if pictures else "zstd",
                compression_level=None if pictures else COMPRESSION_LEVEL,
            )
        except BaseException:
            self._drop()
            raise

    def add(self, row: dict[str, Any], size: int = 0) -> tuple[int, int]:
        """Add a row of about `size` bytes; returns its row group and its place in it."""
        place = self.groups, len(self._pending)
        self._pending.append(row)
        self._pending_bytes += size
        self.rows += 1
        self.bytes += size
        if len(self._pending) >= self._group_rows or self._pending_bytes >= GROUP_BYTES:
            self._write_group()
        return place

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._pending:
            self._writer.write_table(pa.Table.from_pylist(self._pending, self._schema))
            self.groups += 1
        self._pending, self._pending_bytes = [], 0

    def finish(self) -> Shard:
        """Write the rest and sync it to disk; the file is not published yet."""
        self._write_group()
        self._writer.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        with self._temporary.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        return Shard(path=self.path, rows=self.rows, bytes=self._temporary.stat().st_size, sha256=checksum)

    def publish(self) -> None:
        """Move the finished file to its final name."""
        self._temporary.replace(self._place)

    def discard(self) -> None:
        """Remove the unfinished file. Never raises for a full disk."""
        _quietly(self._writer.close)
        self._drop()

    def _drop(self) -> None:
        _quietly(self._stream.close)
        _quietly(self._temporary.unlink)


def _quietly(action: Callable[[], object]) -> None:
    try:
        action()
    except (OSError, ValueError):  # what is thrown away need not be written well
        return
