"""Cooperative cancellation of calls in threads: the work checks between its steps whether it was cancelled.

A thread cannot be ended from outside. Whoever runs a call does so inside `cancellable`, with a flag that may be set at
any time; code that computes for more than about a second calls `check_cancelled` between steps, and the call ends
there. Where no flag is given the check does nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

from canvasagent.errors import Cancelled

_FLAG: ContextVar[threading.Event | None] = ContextVar("canvasagent_cancelled", default=None)


@contextlib.contextmanager
def cancellable(flag: threading.Event) -> Iterator[None]:
    """Let `check_cancelled` raise inside the block, in this thread or task, once `flag` is set."""
    token = _FLAG.set(flag)
    try:
        yield
    finally:
        _FLAG.reset(token)


def check_cancelled() -> None:
    """Raise `Cancelled` if the call that this thread works for was cancelled."""
    flag = _FLAG.get()
    if flag is not None and flag.is_set():
        raise Cancelled("the call was cancelled: nobody waits for its result any more.")
