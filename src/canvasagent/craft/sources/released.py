"""`released:PATH`: the image shards of the released data, Parquet files with columns `image` (bytes) and `path`.

PATH is a shard or a folder with shards; the name that records know a picture by is its `path`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.craft.sources._pool import Pool, opened
from canvasagent.errors import InputError, MissingExtra
from canvasagent.storage.input_files import regular_file


@dataclass(frozen=True)
class Shards:
    """The shards below a path. A key is a shard's name, a row and the picture's own path."""

    path: Path

    def files(self) -> list[Path]:
        """The shards, in order."""
        return [self.path] if self.path.is_file() else sorted(self.path.rglob("*.parquet"))

    def entries(self) -> Iterator[tuple[str, str]]:
        """Every row of every shard that has the two columns."""
        for file in self.files():
            info = file.stat()
            stamp = f"{info.st_size} {info.st_mtime_ns}"
            try:
                paths = _paths(file)
            except InputError:
                yield f"{file.name}##", stamp  # `load` says what is wrong with the file
                continue
            for row, path in enumerate(paths):
                yield f"{file.name}#{row}#{path}", stamp

    def load(self, key: str) -> Image.Image:
        """The row's picture."""
        name, row, _ = key.split("#", 2)
        file = next((file for file in self.files() if file.name == name), None)
        if file is None:
            raise InputError(f"there is no shard '{name}' any more in '{self.path}'.")
        if not row:
            _paths(file)
            raise InputError(f"'{name}' was damaged when it was looked through.")
        value = _cell(file, int(row))
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise InputError(f"row {row} of '{name}' has no picture.")
        return opened(bytes(data))

    def origin(self, key: str) -> dict[str, Any]:
        """The path that records know it by."""
        return {"file": key.split("#", 2)[2], "licence": "as the released data"}


def _paths(file: Path) -> list[Any]:
    """The column `path` of a shard; nothing where the file is none. Raises `InputError` where it is damaged."""
    shard = _opened(file)
    if not {"image", "path"} <= set(shard.schema_arrow.names):
        return []
    with _readable(file):
        paths: list[Any] = shard.read(columns=["path"])["path"].to_pylist()
    return paths


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    """What is wrong in a damaged shard becomes an `InputError`."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"'{file.name}' is damaged: {error}.") from error


def _opened(file: Path) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("reading the released data", "craft") from error
    with _readable(file):
        return pq.ParquetFile(file)


def _cell(file: Path, row: int) -> Any:
    """What stands in the column `image` of a row."""
    shard = _opened(file)
    for group in range(shard.num_row_groups):
        rows = shard.metadata.row_group(group).num_rows
        if row < rows:
            with _readable(file):
                return _column(file, file.stat().st_mtime_ns, group)[row].as_py()
        row -= rows
    raise InputError(f"'{file.name}' has fewer rows than it had.")


@lru_cache(maxsize=2)
def _column(file: Path, changed: int, group: int) -> Any:
    """The pictures of a row group; the last ones are kept at hand."""
    return _opened(file).read_row_group(group, columns=["image"])["image"]


def create(argument: str | None) -> Pool:
    """The source. Raises `InputError` where there are no such shards, `MissingExtra` without pyarrow."""
    if not argument:
        raise InputError("say where the image shards are: released:PATH.")
    path = regular_file(Path(argument).expanduser())
    if not path.exists():
        raise InputError(f"'{argument}' does not exist.")
    return Pool(f"released:{argument}", Shards(path.resolve()))
