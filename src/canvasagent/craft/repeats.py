"""An index of a dataset's requests and pictures on disk, to find repetitions and near-duplicates.

A picture that comes again pixel by pixel (from a folder of few) may serve several requests; one that is nearly
another one may not, and neither may a request that was made of the same pictures before.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from canvasagent.craft.records import SftRecord
from canvasagent.craft.sources.duplicates import BITS, is_near
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.layout import Record
from canvasagent.errors import StorageError

_BANDS, _BAND = 16, BITS // 16
"""Near hashes differ in fewer bits than there are bands, so they share one."""


class Repeats:
    """An index of requests and fingerprints in its own file, built again at each start of a build."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._storage_errors():
            path.unlink(missing_ok=True)
            # On disk, since millions of fingerprints would not fit into memory; without a journal, as it is temporary.
            self._base = sqlite3.connect(path, isolation_level=None)
            self._base.executescript(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8000;"
                "CREATE TABLE requests(key BLOB PRIMARY KEY, record TEXT) WITHOUT ROWID;"
                "CREATE TABLE prints(band INT, print BLOB, hash TEXT, record TEXT, PRIMARY KEY(band, print, hash))"
                " WITHOUT ROWID; BEGIN;"
            )

    def problem(self, record: Record) -> str | None:
        """Why a record repeats another one; None if it does not."""
        with self._storage_errors():
            row = self._base.execute("SELECT record FROM requests WHERE key = ?", (_request(record),)).fetchone()
            if row is not None:
                return f"the same request of the same pictures as record {row[0]}"
            for key, value in _prints(record):
                if (near := self._near(key, value)) is not None:
                    return f"an input picture is nearly one of record {near}"
        return None

    def _near(self, key: str, value: int) -> str | None:
        for band in _bands(value):
            rows = self._base.execute("SELECT print, hash, record FROM prints WHERE band = ?", (band,))
            for other, other_key, record in rows:
                if other_key != key and is_near(int.from_bytes(other, "big"), value):
                    rows.close()
                    return str(record)
        return None

    def add(self, record: Record) -> None:
        """Add a record to the index."""
        with self._storage_errors():
            self._base.execute("INSERT OR IGNORE INTO requests VALUES (?, ?)", (_request(record), record.id))
            for key, value in _prints(record):
                data = value.to_bytes(BITS // 8, "big")
                rows = [(band, data, key, record.id) for band in _bands(value)]
                self._base.executemany("INSERT OR IGNORE INTO prints VALUES (?, ?, ?, ?)", rows)

    def restore(self, dataset: Dataset) -> None:
        """Add the records of a dataset."""
        for record in dataset.rows():
            self.add(record)

    def close(self) -> None:
        """Remove the file."""
        self._base.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"'{self.path}' could not be written: {error}.") from error


def _inputs(record: Record) -> list[str]:
    return record.images[: record.inputs] if isinstance(record, SftRecord) else record.images


def _request(record: Record) -> bytes:
    words = " ".join(record.instruction.lower().split())
    return hashlib.sha256("\n".join([words, *_inputs(record)]).encode()).digest()[:16]


def _prints(record: Record) -> list[tuple[str, int]]:
    values = [int(value, 16) for value in record.meta["fingerprints"]]
    return list(zip(_inputs(record), values, strict=True))


def _bands(value: int) -> list[int]:
    """The bands of a hash, each with its place, so that one column tells them apart."""
    return [(place << _BAND) | (value >> (_BAND * place) & ((1 << _BAND) - 1)) for place in range(_BANDS)]
