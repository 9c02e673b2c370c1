"""A run's folder: `trajectory.json`, `assets/`, `report.html`; written in the background, atomically, by one run."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from canvasagent.canvas import Asset
from canvasagent.errors import InputError, StorageError
from canvasagent.imaging.pictures import save_picture, write_atomically
from canvasagent.record.model import AssetRecord
from canvasagent.record.trajectory import ASSET_FOLDER, RECORD_NAME, Trajectory, asset_path

log = logging.getLogger(__name__)

LOCK_NAME = ".lock"


def new_run_id() -> str:
    """A name that sorts by time and is not taken: `20261121-101500-3f9a2c`."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class RunFolder:
    """Writes one run. Pictures and record are written in the order in which they come, off the event loop.

    So what the record on disk tells of is always there in full, wherever the process is killed. After a write
    that fails nothing more is written, so that the record keeps its last good state; `StorageError` is raised at
    the next call.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        self._error: BaseException | None = None
        self._pending: list[Future[None]] = []
        if resume and not (path / RECORD_NAME).is_file():
            raise InputError(f"there is no run to resume in '{path}'.")
        if not resume:
            _refuse_used(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / LOCK_NAME, thread_local=False)  # taken and let go of in different threads
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(f"another run is writing to '{path}' right now.") from error
        except OSError as error:
            raise StorageError(f"'{path}' cannot be written: {error.strerror or error}.") from error
        try:
            if not resume:
                _refuse_used(path)  # by a run that began and ended since the first look
            _sweep(path)
        except InputError:
            self._lock.release()
            raise
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="canvasagent-writer")

    def put(self, asset: Asset, record: AssetRecord) -> None:
        """Write an asset's pixels, and their hash into its record."""
        self._submit(self._put, asset, record)

    def save(self, trajectory: Trajectory) -> None:
        """Write the record as it stands now."""
        self._submit(self._save, _snapshot(trajectory))

    def report(self, trajectory: Trajectory) -> None:
        """Write the report of a run that has ended."""
        self._submit(self._report, _snapshot(trajectory))

    def flush(self) -> None:
        """Wait until everything is written. Raises `StorageError` if something could not be."""
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Write what is left and let go of the folder. Raises `StorageError` if something could not be written."""
        try:
            self.flush()
        finally:
            self._writer.shutdown(wait=True)
            self._lock.release()

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        if self._error is not None:
            raise self._error
        self._pending = [future for future in self._pending if not future.done()]
        self._pending.append(self._writer.submit(self._write, work, *arguments))

    def _write(self, work: Callable[..., None], *arguments: object) -> None:
        if self._error is not None:
            return
        try:
            work(*arguments)
        except BaseException as error:
            self._error = error

    def _put(self, asset: Asset, record: AssetRecord) -> None:
        save_picture(asset.picture, asset_path(self.path, asset.id), fast=True)
        record.pixel_hash = asset.pixel_hash

    def _save(self, snapshot: Trajectory) -> None:
        write_atomically(self.path / RECORD_NAME, snapshot.model_dump_json(indent=1).encode("utf-8"))

    def _report(self, snapshot: Trajectory) -> None:
        from canvasagent.record.report import REPORT_NAME, write_report

        try:
            write_report(snapshot, self.path / REPORT_NAME)
        except StorageError:
            raise
        except Exception:  # the run is whole without it: what a report cannot show must not cost the run
            log.exception("the report of run %s could not be made", snapshot.id)


def _refuse_used(path: Path) -> None:
    """Raise `InputError` if there is something at `path` beside an empty folder (and the lock of a run)."""
    try:
        used = path.exists() and (not path.is_dir() or any(item.name != LOCK_NAME for item in path.iterdir()))
    except OSError as error:
        raise StorageError(f"'{path}' cannot be used: {error.strerror or error}.") from error
    if used:
        raise InputError(f"'{path}' exists already; name another folder, or resume the run in it.")


def _sweep(path: Path) -> None:
    """Remove what a killed run was in the middle of writing."""
    for leftover in (
        *path.glob(f".{RECORD_NAME}.*"),
        *path.glob(".report.html.*"),
        *path.glob(f"{ASSET_FOLDER}/.*.png.*"),
    ):
        with contextlib.suppress(OSError):
            leftover.unlink()


def _snapshot(trajectory: Trajectory) -> Trajectory:
    """The record as it stands, for the writer's thread."""
    snapshot = trajectory.model_copy()
    snapshot.assets, snapshot.turns = list(trajectory.assets), list(trajectory.turns)
    return snapshot


def make_room(path: Path) -> None:
    """Clear what a run left that was killed before its first record: it holds nothing that could be gone on with."""
    assets = path / ASSET_FOLDER
    if not assets.is_dir():
        return
    for file in (*assets.glob("*.png"), *assets.glob(".*.png.*")):
        file.unlink(missing_ok=True)
    if not any(assets.iterdir()):
        assets.rmdir()
