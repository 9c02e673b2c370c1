"""How many requests are under way at once, and how many begin in a second."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary


class Pace:
    """One gate for all who share a judge. Safe in several threads and event loops; the rate holds across them."""

    def __init__(self, at_once: int, per_second: float | None = None) -> None:
        self._at_once = at_once
        self._interval = 1 / per_second if per_second is not None else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @asynccontextmanager
    async def gate(self) -> AsyncIterator[None]:
        """Wait for a free slot and then for one's turn; hold the slot until left."""
        loop = asyncio.get_running_loop()
        with self._lock:
            slots = self._slots.setdefault(loop, asyncio.Semaphore(self._at_once))
        async with slots:
            if wait := self._wait():
                await asyncio.sleep(wait)
            yield

    def _wait(self) -> float:
        """Seconds until the next request may begin; takes that turn."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        return turn - now
