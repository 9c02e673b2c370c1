"""The signals that ask a process to stop, and which of the processes of a command answers them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
"""Ctrl-C; `kill`, also by a container, batch system or service manager; a closed terminal."""


def answered_here() -> list[signal.Signals]:
    """The stop signals that this process has not been started to ignore.

    `nohup` ignores SIGHUP and a shell's background job ignores SIGINT, so that what is meant for the terminal does
    not reach it. That is the caller's decision, which no handler of ours may undo.
    """
    return [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def leave_stops_to_parent() -> None:
    """Ignore stop signals in a worker process: they reach the whole group, and its parent ends it in good order."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Restore the handlers of stop signals that a library replaces inside the block (`ray.init` replaces SIGTERM's)."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # only there can a handler have been replaced
            for number, handler in before.items():
                signal.signal(number, handler)
