"""Calls in flight, and how an event loop waits for one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import Any

from canvasagent.execution.cache import Entry


class InFlight:
    """A call in flight, shared by all that wait for it."""

    def __init__(self, key: str, cache_key: str) -> None:
        """`key` is the call's, `cache_key` what its result is cached under."""
        self.key, self.cache_key = key, cache_key
        self.cancelled = threading.Event()
        """Set while nobody waits for it: the backend ends the call at its next check."""

    future: Future[tuple[Entry, bool]]
    """The entry, and whether it came from the cache."""
    begun: float | None = None
    """When a worker began it."""
    waiting: int = 0
    """Number of waiting callers."""
    abandoned: bool = False
    """Whether at some time nobody waited for it."""
    cost: float | None = None
    """Cost, if known; billed once."""

    def bill(self) -> float | None:
        """The caller's share of the cost: the first pays all, those who share the call nothing."""
        cost, self.cost = self.cost, None
        return cost


def done_in_loop(future: Future[Any]) -> asyncio.Future[None]:
    """A future of the running loop that is done when `future` is. Giving up on it leaves `future` running."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def wake(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(finish)

    future.add_done_callback(wake)
    return done
