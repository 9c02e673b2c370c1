"""A run's folder: `trajectory.json`, `assets/`, written in the background, atomically, by one run at a time."""

from __future__ import annotations

import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from canvasagent.canvas import Asset
from canvasagent.errors import InputError, StorageError
from canvasagent.pictures import save_picture, write_atomically
from canvasagent.record import AssetRecord
from canvasagent.trajectory import RECORD_NAME, Trajectory, asset_path

LOCK_NAME = ".lock"


def new_run_id() -> str:
    """A name that sorts by time and is not taken: `20261121-101500-3f9a2c`."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class RunFolder:
    """Writes one run. Pictures and record are written in the order in which they come, off the event loop.

    So what the record on disk tells of is always there in full, wherever the process is killed. A write that
    fails raises `StorageError` at the next call; what was written before stays.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self.path = path
        self._pending: list[Future[None]] = []
        if not resume and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"'{path}' exists already; name another folder, or resume the run in it.")
        if resume and not (path / RECORD_NAME).is_file():
            raise InputError(f"there is no run to resume in '{path}'.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / LOCK_NAME)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(f"another run is writing to '{path}' right now.") from error
        except OSError as error:
            raise StorageError(f"'{path}' cannot be written: {error.strerror or error}.") from error
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="canvasagent-writer")

    def put(self, asset: Asset, record: AssetRecord) -> None:
        """Write an asset's pixels, and their hash into its record."""
        self._submit(self._put, asset, record)

    def save(self, trajectory: Trajectory) -> None:
        """Write the record as it stands now."""
        snapshot = trajectory.model_copy()
        snapshot.assets, snapshot.turns = list(trajectory.assets), list(trajectory.turns)
        self._submit(self._save, snapshot)

    def flush(self) -> None:
        """Wait until everything is written. Raises `StorageError` if something could not be."""
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    def close(self) -> None:
        """Write what is left and let go of the folder."""
        try:
            self.flush()
        finally:
            self._writer.shutdown(wait=True)
            self._lock.release()

    def _submit(self, work: object, *arguments: object) -> None:
        done = [future for future in self._pending if future.done()]
        self._pending = [future for future in self._pending if not future.done()]
        for future in done:
            future.result()
        self._pending.append(self._writer.submit(work, *arguments))  # type: ignore[arg-type]

    def _put(self, asset: Asset, record: AssetRecord) -> None:
        save_picture(asset.picture, asset_path(self.path, asset.id), fast=True)
        record.pixel_hash = asset.pixel_hash

    def _save(self, snapshot: Trajectory) -> None:
        write_atomically(self.path / RECORD_NAME, snapshot.model_dump_json(indent=1).encode("utf-8"))
