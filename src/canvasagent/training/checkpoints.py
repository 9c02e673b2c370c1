"""The folder of a training: its record, and checkpoints from which a killed training resumes."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError
from canvasagent.storage.files import write_atomically
from canvasagent.storage.folders import NEW_FOLDER, is_temporary, locked, refuse_strangers
from canvasagent.storage.foreign_json import read_json
from canvasagent.storage.names import refuse_link
from canvasagent.version import __version__

RECORD = "training.json"
METRICS = "metrics.jsonl"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


@contextlib.contextmanager
def training_folder(out: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """The folder of a training, kept from others as long as it runs; its record is written where there is none.

    Of the processes of a distributed training the first one does so; the others write nothing. Raises `InputError` for
    a folder that holds something else, or a training with other settings: nothing is written then. Raises
    `StorageError` where another training writes there.
    """
    if not is_first_process():
        yield
        return
    with locked(out, "another training is writing to", lambda folder: check_folder(folder, settings)):
        if not (out / RECORD).is_file():
            record = {"format_version": 1, **_circumstances(), "settings": dict(settings)}
            write_atomically(out / RECORD, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
        yield


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the first of several (as torchrun and accelerate say)."""
    return os.environ.get("RANK", "0") == "0"


def check_folder(out: Path, settings: Mapping[str, Any]) -> None:
    """Raise `InputError` for a folder that holds something else, or a training with other settings."""
    file = out / RECORD
    if not file.is_file():
        refuse_strangers(out, NEW_FOLDER, lambda name: is_temporary(name, RECORD))
        return
    for name in (METRICS, "training.html", "outcome.json"):
        refuse_link(out / name)
    try:
        before = read_json(file.read_bytes())["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{file}' is damaged: {error}. Give another --out.") from error
    now = json.loads(json.dumps(dict(settings)))
    different = [f"{name} is {before.get(name)}, not {now.get(name)}" for name in {**before, **now}
                 if before.get(name) != now.get(name)]  # fmt: skip
    if different:
        raise InputError(f"'{out}' holds another training ({'; '.join(different)}); give another --out.")


def _circumstances() -> dict[str, Any]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "canvasagent": __version__,
        "command": " ".join(["canvasagent", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "device": device_name(),
        "packages": versions,
    }


def device_name() -> str:
    """The device that torch would train on, in words."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads"


def last_checkpoint(out: Path) -> Path | None:
    """The latest whole checkpoint; None where there is none.

    The trainer writes `trainer_state.json` last, so a checkpoint without it was cut short by a kill or a full disk.
    """
    found = []
    for path in out.glob("checkpoint-*"):
        match = _CHECKPOINT.fullmatch(path.name)
        if match is not None and _readable(path / "trainer_state.json"):
            found.append((int(match[1]), path))
    return max(found)[1] if found else None


def _readable(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_text("utf-8")), dict)
    except (OSError, ValueError):
        return False
