"""A run's folder: `trajectory.json`, `assets/`, `report.html`; written in the background, atomically, by one run."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from canvasagent.canvas import Asset
from canvasagent.errors import InputError, StorageError
from canvasagent.imaging.pictures import save_picture
from canvasagent.record.model import ASSET_ID, AssetRecord
from canvasagent.record.report import REPORT_NAME, write_report
from canvasagent.record.trajectory import ASSET_FOLDER, RECORD_NAME, Trajectory, asset_path
from canvasagent.storage.files import write_atomically
from canvasagent.storage.folders import OWN_FILES, entries, is_temporary, refuse_strangers, set_mark, take_lock
from canvasagent.storage.names import refuse_link

log = logging.getLogger(__name__)

BEGUN_NAME = f"{OWN_FILES}begun"
"""Marks a run's folder until its first record is written: pictures without a record are then those of a killed run."""
_PICTURE = re.compile(rf"{ASSET_ID}\.png|(?P<mark>\.{ASSET_ID}\.png\.[0-9a-f]{{8}})")
"""An asset's file; `mark`: one that is being written."""


def new_run_id() -> str:
    """A unique name that sorts by time: `20261121-101500-3f9a2c`."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class RunFolder:
    """Writes one run. Pictures and record are written in the order in which they come, off the event loop.

    So everything that the record on disk refers to is complete, whenever the process is killed. After a failed write
    nothing more is written, so that the record keeps its last good state, and the next call raises `StorageError`.

    A new run needs an empty folder, or one with only the files of a run that was killed before its first record;
    `resume` needs one with a record. Raises `InputError` for any other before it is touched.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        self._error: BaseException | None = None
        self._pending: list[Future[None]] = []
        self._lock = take_lock(path, "another run is writing to", _refuse_no_run if resume else refuse_used)
        try:
            self._take_over(resume)
        except BaseException:
            self._lock.release()
            raise
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="canvasagent-writer")

    def _take_over(self, resume: bool) -> None:
        try:
            _remove_leftovers(self.path)
            if not resume:
                set_mark(self.path / BEGUN_NAME)
        except OSError as error:
            raise StorageError(f"'{self.path}' cannot be written: {error.strerror or error}.") from error

    def put(self, asset: Asset, record: AssetRecord) -> None:
        """Write an asset's pixels, and their hash into its record."""
        self._submit(self._put, asset, record)

    def save(self, trajectory: Trajectory) -> None:
        """Write the record in its present state."""
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
        """Write what is left and release the folder. Raises `StorageError` if something could not be written."""
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
        (self.path / BEGUN_NAME).unlink(missing_ok=True)

    def _report(self, snapshot: Trajectory) -> None:
        try:
            write_report(snapshot, self.path / REPORT_NAME)
        except StorageError:
            raise
        except Exception:  # the run is whole without it: what a report cannot show must not cost the run
            log.exception("the report of run %s could not be made", snapshot.id)


def refuse_used(path: Path) -> None:
    """Raise `InputError` if `path` is no folder for a new run: a run, or something else, is in it."""
    if (path / RECORD_NAME).is_file():
        raise InputError(f"'{path}' holds a run already; name another folder, or resume that run.")
    begun = (path / BEGUN_NAME).is_file()
    refuse_strangers(path, "name another folder", lambda name: begun and _left_by_run(path, name))
    refuse_link(path / ASSET_FOLDER)


def _refuse_no_run(path: Path) -> None:
    """Raise `InputError` where there is no run in `path` to resume, `StorageError` where its record is damaged."""
    if not (path / RECORD_NAME).is_file():
        raise InputError(f"there is no run to resume in '{path}'.")
    Trajectory.load(path)
    refuse_link(path / ASSET_FOLDER)


def _left_by_run(path: Path, name: str) -> bool:
    """Whether an entry of a folder was left by a run that was killed before its first record."""
    if name == ASSET_FOLDER and (path / name).is_dir():
        return all(_PICTURE.fullmatch(inner) for inner in entries(path / name))
    return is_temporary(name, RECORD_NAME)


def _remove_leftovers(path: Path) -> None:
    """Remove partly written files of a killed run, and the pictures of one without a record."""
    begun = (path / BEGUN_NAME).is_file() and not (path / RECORD_NAME).is_file()
    names = [name for name in entries(path) if is_temporary(name, RECORD_NAME) or is_temporary(name, REPORT_NAME)]
    for name in entries(path / ASSET_FOLDER):
        if (picture := _PICTURE.fullmatch(name)) is not None and (begun or picture["mark"]):
            names.append(f"{ASSET_FOLDER}/{name}")
    for name in (*names, BEGUN_NAME):
        (path / name).unlink(missing_ok=True)


def _snapshot(trajectory: Trajectory) -> Trajectory:
    """A copy of the record for the writer's thread."""
    snapshot = trajectory.model_copy()
    snapshot.assets, snapshot.turns = list(trajectory.assets), list(trajectory.turns)
    return snapshot
