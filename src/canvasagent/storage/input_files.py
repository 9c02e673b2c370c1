"""Files that a user names as input."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError

_KINDS = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def regular_file(path: Path) -> Path:
    """`path`, checked before it is opened. Raises `InputError` for a pipe, a socket or a device.

    Opening a pipe waits for a writer, and a device may have no end. What is missing or a folder passes: whoever reads
    it says so in words of its own.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # ValueError: a null character in the name
        return path
    for is_kind, kind in _KINDS.items():
        if is_kind(mode):
            raise InputError(f"'{path}' is {kind}, not a regular file; copy what it gives into a file.")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises `InputError` where it cannot be read, or is none."""
    try:
        return tomllib.loads(regular_file(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is no TOML: {error}.") from error
