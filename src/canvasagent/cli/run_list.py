"""The runs in a folder, newest first. Reads records as plain JSON, so that a listing shows damaged ones too."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError
from canvasagent.storage import run_files
from canvasagent.storage.input_files import regular_file

LAST = "last"
"""Stands for the run with the latest change; a folder of that name is `./last`."""
RUNS_DIR = Path("runs")
"""Where runs are kept unless `--runs-dir` says otherwise."""
DEPTH = 2
"""Levels of folders that are searched: a run's own, and those of the runs of a batch."""


@dataclass(frozen=True)
class Listed:
    """A run in the list. Its texts are those of the record, unchecked."""

    name: str
    """As commands take it: the path of its folder below the folder of runs, `/` between levels."""
    folder: Path
    updated: datetime
    """When its record was last written, in local time."""
    created: str | None = None
    """When it was begun, as recorded: UTC, ISO 8601."""
    status: str = "damaged"
    """As recorded; `damaged` where the record cannot be read."""
    request: str = ""
    final: str | None = None
    """Id of the result."""
    answer: str | None = None
    """Words that answer the request."""


def run_folders(runs_dir: Path) -> list[Path]:
    """The folders of the runs below `runs_dir`, the one last worked on first; none where there is no such folder.

    Raises `InputError` where `runs_dir` is no folder or cannot be read.
    """
    try:
        folders = list(_records(runs_dir, DEPTH))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"'{runs_dir}' cannot be searched for runs: {error.strerror or error}.") from error
    return [folder for _, folder in sorted(folders, reverse=True)]


def name_of(folder: Path, runs_dir: Path) -> str:
    """The name of a run on the command line."""
    return folder.relative_to(runs_dir).as_posix()


def listed(folder: Path, runs_dir: Path) -> Listed:
    """What a listing shows of the run in `folder`, one of `run_folders`."""
    data = _read(folder / run_files.RECORD_NAME)
    answer = data.get("answer")
    return Listed(
        name_of(folder, runs_dir),
        folder,
        datetime.fromtimestamp((folder / run_files.RECORD_NAME).stat().st_mtime),
        created=_text(data, "created"),
        status=_text(data, "status") or "damaged",
        request=_text(data, "instruction") or "",
        final=_text(data, "final"),
        answer=_text(answer, "text") if isinstance(answer, dict) else None,
    )


def _read(file: Path) -> dict[str, Any]:
    """A record; empty where it cannot be read."""
    try:
        data = json.loads(regular_file(file).read_text("utf-8"))
    except (InputError, OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _written(file: Path) -> int | None:
    """When a file was last written, in nanoseconds; None where there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _records(folder: Path, depth: int) -> Iterator[tuple[int, Path]]:
    """When the records below `folder` were written (nanoseconds), and the folders that they are in."""
    with os.scandir(folder) as entries:
        below = [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    for path in below:
        written = _written(path / run_files.RECORD_NAME)
        if written is not None:
            yield written, path
        elif depth > 1 and os.access(path, os.R_OK | os.X_OK):  # perhaps a batch, which is a folder of runs
            yield from _records(path, depth - 1)
