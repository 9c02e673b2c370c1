"""The pictures that items name: files below a folder, or rows of image shards, with or without somebody's prefix.

Older files of the release name pictures by absolute paths of the machine that they were made on; what counts is how
the path ends.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

from canvasagent.canvas import pixel_hash
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.imaging.pictures import as_png
from canvasagent.storage.foreign_json import excerpt, type_word
from canvasagent.storage.names import path_problem

_ROOT = re.compile(r"/+|[A-Za-z]:")
"""Where an absolute path begins, of whichever system."""


class PictureFinder:
    """Finds pictures of at most `max_pixels` below `roots` and in `shards`."""

    def __init__(
        self,
        roots: Sequence[Path],
        shards: Sequence[Path],
        archives: Sequence[Path],
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.max_pixels = max_pixels
        self._roots, self._shards, self._archives = list(roots), list(shards), list(archives)
        for root in roots[1:]:
            self._shards += [file for file in sorted(root.rglob("*.parquet")) if file not in self._shards]
        self._base: sqlite3.Connection | None = None
        self._unread: list[str] = []
        """Parts of the shards that cannot be read."""
        self._group: tuple[Path, int, list[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._base is not None:
            self._base.close()

    def get(self, named: Any) -> tuple[str, bytes]:
        """The picture that an item names (a path, or a struct of path or bytes): its hash, and it as PNG.

        Raises `UnusableItem` where there is none or it is damaged.
        """
        data, name = None, named
        if isinstance(named, dict):
            data = named.get("bytes")
            name = named.get("image") or named.get("path") or ""
            if isinstance(name, dict | bytes):
                return self.get(name if isinstance(name, dict) else {"bytes": name})
        if data is None and isinstance(name, str):
            data = self._find(name)
        if not isinstance(data, bytes):
            raise UnusableItem("odd picture path", f"a picture is a path or bytes, not {type_word(data or name)}.")
        try:
            picture, png = as_png(data, self.max_pixels, raised_by="--max-pixels")
        except InputError as error:
            raise UnusableItem("picture unusable", f"'{excerpt(str(name))}': {error}") from error
        return pixel_hash(picture), png

    def _find(self, name: str) -> bytes:
        shown = excerpt(name)
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if not _ROOT.fullmatch(part)]
        if not parts or ".." in parts:
            raise UnusableItem("odd picture path", f"'{shown}' is no path that is followed.")
        try:
            for root in self._roots:
                for start in range(len(parts)):
                    if (start > 0 and start > len(parts) - 2) or path_problem("/".join(parts[start:])) is not None:
                        continue
                    file = root.joinpath(*parts[start:])
                    if file.is_file():
                        return file.read_bytes()
            data = self._in_shards(parts)
        except (OSError, ValueError) as error:  # no such name can be: too long, half a character; not to be read
            why = getattr(error, "strerror", None) or error
            raise UnusableItem("picture not found", f"'{shown}' cannot be read: {why}.") from error
        if data is None:
            hint = f"; unpack {self._archives[0].name} first" if self._archives else ""
            hint += f"; {self._unread[0]}" if self._unread else ""
            raise UnusableItem("picture not found", f"'{shown}' is neither a file here nor in an image shard{hint}.")
        return data

    def _in_shards(self, parts: list[str]) -> bytes | None:
        if self._base is None:
            self._base = self._index()
        rows = self._base.execute(
            "SELECT path, shard, row_group, row FROM pictures WHERE tail = ?", ("/".join(parts[-2:]),)
        ).fetchall()
        best, length = [], 0
        for path, *place in rows:
            theirs = path.split("/")
            same = _common_end(theirs, parts)
            if same > length:
                best, length = [(path, place)], same
            elif same == length:
                best.append((path, place))
        if not best:
            return None
        if len({path for path, _ in best}) > 1:
            shown, either, other = (excerpt(path) for path in ("/".join(parts), best[0][0], best[1][0]))
            raise UnusableItem("picture path ambiguous", f"'{shown}' may be '{either}' or '{other}'.")
        shard, group, row = best[0][1]
        return self._read(self._shards[shard], group, row)

    def _index(self) -> sqlite3.Connection:
        """Where each picture of the shards is, on disk: the release has 180,000."""
        base = sqlite3.connect("")
        base.execute("CREATE TABLE pictures (tail TEXT, path TEXT, shard INTEGER, row_group INTEGER, row INTEGER)")
        for number, shard in enumerate(self._shards):
            for group in range(_row_groups(shard)):
                try:
                    paths = _column(shard, group, "path")
                except UnusableItem as error:
                    self._unread.append(str(error))
                    continue
                rows = [
                    ("/".join(parts[-2:]), "/".join(parts), number, group, row)
                    for row, path in enumerate(paths)
                    if (parts := [part for part in str(path).replace("\\", "/").split("/") if part])
                ]
                base.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", rows)
        base.execute("CREATE INDEX by_tail ON pictures (tail)")
        return base

    def _read(self, shard: Path, group: int, row: int) -> bytes:
        if self._group is None or self._group[:2] != (shard, group):
            self._group = (shard, group, _column(shard, group, "image"))
        image = self._group[2][row]
        data = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(data, bytes):
            raise UnusableItem("picture not found", f"row {row} of '{shard.name}' holds no picture bytes.")
        return data


def _row_groups(shard: Path) -> int:
    """How many row groups a shard of pictures has; none where the file is of something else or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard) as file:
            return int(file.num_row_groups) if {"image", "path"} <= set(file.schema_arrow.names) else 0
    except (OSError, pa.ArrowException):
        return 0


def _column(shard: Path, group: int, name: str) -> list[Any]:
    """A column of a row group. Raises `UnusableItem` where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard) as file:
            values: list[Any] = file.read_row_group(group, columns=[name])[name].to_pylist()
            return values
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UnusableItem(
            "picture shard damaged", f"row group {group} of '{shard.name}' cannot be read: {error}"
        ) from error


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common, counted from their ends."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count
