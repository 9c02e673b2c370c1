"""Calls that are under way, and waiting for one from an event loop without owning it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import Any

from canvasagent.execution.cache import Entry


class InFlight:
    """A call that is under way, for all that wait for it."""

    def __init__(self, key: str, cache_key: str) -> None:
        """`key` is the call's, `cache_key` what its result is cached under."""
        self.key, self.cache_key = key, cache_key
        self.cancelled = threading.Event()
        """Set while nobody waits for it: a backend that looks ends the call then."""

    future: Future[tuple[Entry, bool]]
    """Gives the entry, and whether it came from the cache."""
    begun: float | None = None
    """When a worker took it up."""
    waiting: int = 0
    """How many wait for it."""
    abandoned: bool = False
    """Whether there was a time when nobody waited for it any more."""
    cost: float | None = None
    """What it cost, where known; billed once."""

    def bill(self) -> float | None:
        """What is to be paid by the caller: all of it by the first, nothing by those who share the call."""
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
