"""Downloads weights from a hub into its cache, and verifies the cache by its checksums.

The cache names each file's content by its hash (SHA-256 of large files, git's hash of small ones), so that what was
fetched can be checked later without a network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from canvasagent.errors import CanvasAgentError, MissingExtra, WeightsError
from canvasagent.storage.input_files import regular_file
from canvasagent.weights.catalogue import Entry
from canvasagent.weights.files import PICKLED, check_file, check_safetensors, locate

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Checked:
    """The verification of one file."""

    file: str
    bytes: int
    verdict: Literal["as published", "as fetched", "whole", "damaged"]
    """By a hash known here, by the hub's, by its structure alone; or that it is none of these."""
    why: str = ""


def pull(entry: Entry, endpoint: str | None = None, revision: str | None = None) -> Path:
    """Fetch a model's files into the hub's cache; existing files are kept, interrupted downloads resume.

    Raises `WeightsError` where no hub answers, the model is not public, or a file is not what was published.
    """
    hub = _hub()
    try:
        folder = Path(
            hub.snapshot_download(
                entry.source, revision=revision, allow_patterns=list(entry.files), endpoint=endpoint, max_workers=4
            )
        )
    except Exception as error:  # of many classes: no route, no such model, a licence to accept, a full disk
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"{entry.source} cannot be fetched ({type(error).__name__}: {reason}). Run the same command again; "
            "HF_ENDPOINT names another hub, HF_TOKEN who you are. Or fetch it on another machine and copy the hub's "
            "cache folder (HF_HOME) here."
        ) from error
    bad = [checked for checked in verify(entry, folder) if checked.verdict == "damaged"]
    if bad:
        raise WeightsError(f"{bad[0].file} of {entry.source} is not what was published: {bad[0].why}; fetch it again.")
    return folder


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtra("fetching weights", "full") from error
    return huggingface_hub


def folder_of(entry: Entry) -> Path | None:
    """The folder of a complete model in the hub's cache; None without one."""
    try:
        path = locate(entry.source)
    except CanvasAgentError:
        return None
    return path if path.is_dir() else path.parent


def partial_folder_of(entry: Entry) -> Path | None:
    """The folder of a model in the hub's cache, complete or not; None without one."""
    try:
        folder = _hub().snapshot_download(entry.source, local_files_only=True, allow_patterns=["nothing of it"])
    except Exception:  # of many classes, all meaning that nothing is there
        return None
    return Path(folder)


def verify(entry: Entry, folder: Path) -> list[Checked]:
    """Verify each file of a model by its checksum. A missing file counts as damaged."""
    checked = [_checked(path, path.relative_to(folder).as_posix(), entry) for path in _wanted(entry, folder)]
    names = {item.file for item in checked}
    for pattern in entry.files:
        if not any(fnmatch(name, pattern) for name in names) and pattern not in _OPTIONAL:
            checked.append(Checked(pattern, 0, "damaged", "it is missing"))
    return checked


_OPTIONAL = frozenset({"*.txt"})
"""Files that a model may lack."""


def _wanted(entry: Entry, folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and any(fnmatch(name, pattern) for pattern in entry.files):
            yield path


def verify_path(path: Path) -> list[Checked]:
    """The files of weights in a folder or a single one, by their structure: no checksums of them are known."""
    files = [path] if regular_file(path).is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    kinds = {".safetensors", *PICKLED}
    checked = [_structure(item, item.name if path.is_file() else item.relative_to(path).as_posix())
             for item in files if item.suffix in kinds]  # fmt: skip
    if not checked:
        raise WeightsError(f"'{path}' holds no weights.")
    return checked


def _checked(path: Path, name: str, entry: Entry) -> Checked:
    real = path.resolve()
    size = real.stat().st_size
    if name in entry.sha256 and _hash(real, hashlib.sha256()) == entry.sha256[name]:
        return Checked(name, size, "as published")
    if name in entry.sha256:
        return Checked(name, size, "damaged", "its SHA-256 is not the one that was published")
    if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", real.name):
        digest = hashlib.sha256() if len(real.name) == 64 else hashlib.sha1(f"blob {size}\0".encode())
        good = _hash(real, digest) == real.name
        return Checked(name, size, "as fetched" if good else "damaged", "" if good else "its hash is not the hub's")
    return _structure(real, name)


def _structure(path: Path, name: str) -> Checked:
    try:
        if path.suffix == ".safetensors":
            check_safetensors(path)
        elif path.suffix in PICKLED:
            check_file(path)
    except WeightsError as error:
        return Checked(name, path.stat().st_size, "damaged", str(error))
    return Checked(name, path.stat().st_size, "whole")


def _hash(path: Path, digest: Any) -> str:
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return str(digest.hexdigest())
