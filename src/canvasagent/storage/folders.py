"""Ownership and locks of folders: canvasagent writes and removes only what is its own.

Every command checks a folder here before it writes or removes anything in it. A folder is accepted if it is new or
empty, or if the file that the command writes first identifies it. Any other folder is refused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from canvasagent.errors import InputError, StorageError
from canvasagent.storage.names import refuse_link

OWN_FILES = ".canvasagent."
"""Prefix of the names of empty files for internal use, such as locks."""
LOCK_NAME = f"{OWN_FILES}lock"
NEW_FOLDER = "name an empty or a new folder with --out"
"""The advice in messages about a folder that cannot be used."""
_MARK = re.compile(r"\.[0-9a-f]{8}")
"""What `replace_file` puts behind the name of a file, with a dot before it, while it writes it."""
_LISTED = 3
"""Most unknown names that a message lists."""


def is_temporary(name: str, of: str) -> bool:
    """Whether `name` is that of a temporary file which a killed process left while it wrote the file `of`."""
    return name.startswith(f".{of}.") and _MARK.fullmatch(name, len(of) + 1) is not None


def entries(folder: Path) -> list[str]:
    """Names of what is in `folder`, without files of `OWN_FILES`; none where there is no folder.

    Raises `InputError` where it is a file, `StorageError` where it cannot be read.
    """
    try:
        if not folder.is_dir():
            if folder.exists():
                raise InputError(f"'{folder}' is a file; name a folder.")
            return []
        return sorted(item.name for item in folder.iterdir() if not item.name.startswith(OWN_FILES))
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be used: {error.strerror or error}.") from error


def refuse_strangers(folder: Path, advice: str, ours: Callable[[str], bool] = lambda name: False) -> None:
    """Raise `InputError` if `folder` has an entry that `ours` does not accept by its name.

    `advice` says what to do instead, as `NEW_FOLDER` does.
    """
    strange = [name for name in entries(folder) if not ours(name)]
    if strange:
        more = ", …" if len(strange) > _LISTED else ""
        raise InputError(f"'{folder}' holds something else ({', '.join(strange[:_LISTED])}{more}); {advice}.")


def set_mark(file: Path) -> None:
    """Create an empty marker file, named with `OWN_FILES`. Raises `InputError` for a link."""
    refuse_link(file)
    file.touch()


def take_lock(folder: Path, busy: str, refuse: Callable[[Path], None]) -> FileLock:
    """The lock of `folder`, which is made where there is none; whoever takes it releases it.

    `refuse` raises for a folder that the caller must not write to. It looks twice: before the lock is made, which is a
    file in the folder, and once it is held, since another process may have come and gone in between.
    Raises as `refuse` does, and `StorageError` where another process has the lock (`busy` says what that is: "another
    run is writing to") or the folder cannot be written.
    """
    refuse(folder)
    refuse_link(folder / LOCK_NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_NAME, thread_local=False)  # taken and released in different threads
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StorageError(f"{busy} '{folder}' right now.") from error
    except OSError as error:
        raise StorageError(f"'{folder}' cannot be written: {error.strerror or error}.") from error
    try:
        refuse(folder)
    except BaseException:
        lock.release()
        raise
    return lock


@contextlib.contextmanager
def locked(folder: Path, busy: str, refuse: Callable[[Path], None]) -> Iterator[None]:
    """Keep other processes out of `folder`. Raises as `take_lock`."""
    lock = take_lock(folder, busy, refuse)
    try:
        yield
    finally:
        lock.release()
