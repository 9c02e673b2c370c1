"""Standard input in place of a file: `-`."""

from __future__ import annotations

import sys
from pathlib import Path

from canvasagent.errors import InputError

STDIN = "-"
"""The file name that stands for standard input."""
MAX_BYTES = 512 * 2**20
"""Most bytes to read: a picture of 64 million pixels with 8 bytes each."""


def read_stdin(what: str) -> bytes:
    """All of standard input, which holds `what`. Raises `InputError` where nothing is piped into it, or too much."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(f"standard input is a terminal; pipe {what} into it, or name a file.")
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not data:
        raise InputError(f"standard input is empty; pipe {what} into it.")
    if len(data) > MAX_BYTES:
        raise InputError(f"standard input holds more than {MAX_BYTES // 2**20} MiB; name a file.")
    return data


def pictures_from(paths: tuple[Path, ...]) -> list[Path | bytes]:
    """The pictures that were named, the one of standard input read. Raises `InputError` where it is named twice."""
    if [str(path) for path in paths].count(STDIN) > 1:
        raise InputError("standard input holds one picture; name the others as files.")
    return [read_stdin("a picture") if str(path) == STDIN else path for path in paths]
