"""The location of each picture: a small index on disk, so that memory does not grow with the dataset.

It is derived: it can be deleted, and is made again from the key columns of the shards.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from canvasagent.craft.store.layout import PICTURES, REJECTED_PICTURES, Manifest, Shard

_TABLES = """
CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY, path TEXT UNIQUE, sha256 TEXT);
CREATE TABLE IF NOT EXISTS pictures (
    hash BLOB, rejected INTEGER, shard INTEGER, row_group INTEGER, row INTEGER, PRIMARY KEY (hash, rejected)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_shard ON pictures (shard);
"""


class Place(NamedTuple):
    """The location of a picture."""

    path: str
    row_group: int
    row: int


class PictureIndex:
    """The index in `file` (empty: a temporary one). Nothing is kept that was not committed. Raises `sqlite3.Error`."""

    def __init__(self, file: str | Path, read_only: bool = False) -> None:
        name = f"{Path(file).resolve().as_uri()}?mode=ro" if read_only else str(file)
        self._base = sqlite3.connect(name, isolation_level=None, check_same_thread=False, uri=read_only)
        if read_only:
            return
        try:
            # No waits for the disk: an index that a crash damaged is built again from the shards.
            self._base.executescript(f"PRAGMA synchronous=OFF; PRAGMA cache_size=-8000; {_TABLES}")
            self._base.execute("BEGIN")
        except sqlite3.Error:
            self._base.close()  # Windows removes no file that is open
            raise

    def close(self) -> None:
        """Close the file without what was not committed."""
        self._base.close()

    def matches(self, manifest: Manifest) -> bool:
        """Whether it matches the manifest's shards."""
        known = dict(self._base.execute("SELECT path, sha256 FROM shards"))
        return known == {shard.path: shard.sha256 for shard in _picture_shards(manifest)}

    def update(self, folder: Path, manifest: Manifest) -> None:
        """Bring the index up to date with the manifest's shards. Reads only new shards."""
        wanted = {shard.path: shard.sha256 for shard in _picture_shards(manifest)}
        for number, path, checksum in self._base.execute("SELECT number, path, sha256 FROM shards").fetchall():
            if wanted.get(path) == checksum:
                del wanted[path]
            else:
                self._base.execute("DELETE FROM pictures WHERE shard = ?", (number,))
                self._base.execute("DELETE FROM shards WHERE number = ?", (number,))
        for path, checksum in wanted.items():
            self._read(folder, path)
            self.seal(path, checksum)
        self.commit()

    def _read(self, folder: Path, path: str) -> None:
        import pyarrow.parquet as pq

        with pq.ParquetFile(folder / path) as file:
            for group in range(file.num_row_groups):
                for row, key in enumerate(file.read_row_group(group, columns=["hash"])["hash"].to_pylist()):
                    self.add(key, Place(path, group, row))

    def add(self, key: str, place: Place) -> None:
        """Add a picture."""
        self._base.execute("INSERT OR IGNORE INTO shards (path) VALUES (?)", (place.path,))
        (number,) = self._base.execute("SELECT number FROM shards WHERE path = ?", (place.path,)).fetchone()
        self._base.execute(
            "INSERT OR IGNORE INTO pictures VALUES (?, ?, ?, ?, ?)",
            (_blob(key), place.path.startswith(REJECTED_PICTURES), number, place.row_group, place.row),
        )

    def find(self, key: str, rejected: bool = False) -> Place | None:
        """Where a picture lies; with `rejected`, also among the pictures of rejected items."""
        row = self._base.execute(
            "SELECT path, row_group, row FROM pictures JOIN shards ON shard = number "
            "WHERE hash = ? AND rejected <= ? ORDER BY rejected LIMIT 1",
            (_blob(key), rejected),
        ).fetchone()
        return Place(*row) if row is not None else None

    def seal(self, path: str, checksum: str) -> None:
        """Record the checksum of a finished shard."""
        self._base.execute("INSERT OR IGNORE INTO shards (path) VALUES (?)", (path,))
        self._base.execute("UPDATE shards SET sha256 = ? WHERE path = ?", (checksum, path))

    def commit(self) -> None:
        """Commit what was added."""
        self._base.execute("COMMIT")
        self._base.execute("BEGIN")


def _picture_shards(manifest: Manifest) -> list[Shard]:
    return [*manifest.below(PICTURES), *manifest.below(REJECTED_PICTURES)]


def _blob(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:
        return key.encode()
