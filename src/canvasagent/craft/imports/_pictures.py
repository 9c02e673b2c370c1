"""The pictures that items name: files below a folder, or rows of image shards, with or without somebody's prefix.

Older files of the release name pictures by absolute paths of the machine that they were made on; what counts is how
the path ends.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

from PIL import Image

from canvasagent.canvas import pixel_hash
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.imaging.pictures import encode, open_picture


class Unusable(CanvasAgentError):
    """An item cannot become a record. `reason` is the kind of trouble, for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class PictureFinder:
    """Finds pictures below `roots` and in `shards`."""

    def __init__(self, roots: Sequence[Path], shards: Sequence[Path], archives: Sequence[Path]) -> None:
        self._roots, self._shards, self._archives = list(roots), list(shards), list(archives)
        for root in roots[1:]:
            self._shards += [file for file in sorted(root.rglob("*.parquet")) if file not in self._shards]
        self._base: sqlite3.Connection | None = None
        self._group: tuple[Path, int, list[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._base is not None:
            self._base.close()

    def get(self, named: Any) -> tuple[str, bytes]:
        """The picture that an item names (a path, or a struct of path or bytes): its hash, and it as PNG.

        Raises `Unusable` where there is none or it is damaged.
        """
        data, name = None, named
        if isinstance(named, dict):
            data = named.get("bytes")
            name = named.get("image") or named.get("path") or ""
            if isinstance(name, dict | bytes):
                return self.get(name if isinstance(name, dict) else {"bytes": name})
        if data is None:
            data = self._find(str(name))
        return as_png(data, str(name))

    def _find(self, name: str) -> bytes:
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "/"]
        if not parts or ".." in parts:
            raise Unusable("odd picture path", f"'{name}' is no path that is followed.")
        for root in self._roots:
            for start in range(len(parts)):
                file = root.joinpath(*parts[start:])
                if (start == 0 or start <= len(parts) - 2) and file.is_file():
                    return file.read_bytes()
        data = self._in_shards(parts)
        if data is None:
            packed = f"; unpack {self._archives[0].name} first" if self._archives else ""
            raise Unusable("picture not found", f"'{name}' is neither a file here nor in an image shard{packed}.")
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
            raise Unusable("picture path ambiguous", f"'{'/'.join(parts)}' may be '{best[0][0]}' or '{best[1][0]}'.")
        shard, group, row = best[0][1]
        return self._read(self._shards[shard], group, row)

    def _index(self) -> sqlite3.Connection:
        """Where each picture of the shards is, on disk: the release has 180,000."""
        import pyarrow.parquet as pq

        base = sqlite3.connect("")
        base.execute("CREATE TABLE pictures (tail TEXT, path TEXT, shard INTEGER, row_group INTEGER, row INTEGER)")
        for number, shard in enumerate(self._shards):
            with pq.ParquetFile(shard) as file:
                if not {"image", "path"} <= set(file.schema_arrow.names):
                    continue
                for group in range(file.num_row_groups):
                    paths = file.read_row_group(group, columns=["path"])["path"].to_pylist()
                    rows = [
                        ("/".join(parts[-2:]), "/".join(parts), number, group, row)
                        for row, path in enumerate(paths)
                        if (parts := [part for part in str(path).replace("\\", "/").split("/") if part])
                    ]
                    base.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?, ?)", rows)
        base.execute("CREATE INDEX by_tail ON pictures (tail)")
        return base

    def _read(self, shard: Path, group: int, row: int) -> bytes:
        import pyarrow.parquet as pq

        if self._group is None or self._group[:2] != (shard, group):
            with pq.ParquetFile(shard) as file:
                self._group = (shard, group, file.read_row_group(group, columns=["image"])["image"].to_pylist())
        image = self._group[2][row]
        data = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(data, bytes):
            raise Unusable("picture not found", f"row {row} of '{shard.name}' holds no picture bytes.")
        return data


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common, counted from their ends."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count


def as_png(data: bytes, name: str) -> tuple[str, bytes]:
    """The hash of a picture's pixels, and the picture as PNG (the very bytes where they are PNG already).

    Raises `Unusable` where it cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.format == "PNG" and opened.mode in ("RGB", "RGBA", "L") and "transparency" not in opened.info:
                opened.load()
                return pixel_hash(opened), data
        picture = open_picture(data).picture
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, InputError) as error:
        raise Unusable("picture damaged", f"'{name}': {error}") from error
    return pixel_hash(picture), encode(picture, "PNG", fast=True)
