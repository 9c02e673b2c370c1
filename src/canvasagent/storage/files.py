"""Files that survive a killed process: one that is replaced as a whole, and one that grows line by line."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from canvasagent.errors import StorageError


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either what it held before or all of `data`. Makes missing folders.

    Raises `StorageError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data)
    except OSError as error:
        raise _storage_error(path, error) from error


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` to a temporary file beside `path` and rename it. Raises `OSError`.

    `durable`: the new contents also survive a loss of power, at the price of two waits for the disk.
    """
    temporary = path.parent / f".{path.name[:200]}.{secrets.token_hex(4)}"
    try:
        # In the same folder, since a rename is atomic only within a file system; "x": never through a link.
        with temporary.open("xb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power, where the system can do that. Raises `OSError`."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync no folders
            raise
    finally:
        os.close(handle)


def append_line(path: Path, line: str) -> None:
    """Add a line, in place of an unfinished one that a killed process left. Raises `StorageError`."""
    try:
        with path.open("ab+") as stream:
            # A line without its end would join the new one into a damaged line in the middle of the file.
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - 1))
            if end and stream.read(1) != b"\n":
                stream.seek(0)
                stream.truncate(stream.read().rfind(b"\n") + 1)
            stream.write(f"{line}\n".encode())
    except OSError as error:
        raise _storage_error(path, error) from error


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file without their ends, none where there is no file; an unfinished last one is left out.

    Raises `OSError` where it cannot be read.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line[:-1]


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"'{path}' could not be written: {error.strerror or error}.")
