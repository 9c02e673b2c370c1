"""Whose turn it is: so many calls run at once, the others wait, key by key in turn, so that none crowds others out."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from canvasagent.serving.problems import too_many


class Turnstile:
    """Lets `running` calls through at once and keeps up to `waiting` more."""

    def __init__(self, running: int, waiting: int) -> None:
        self._free, self.running, self._limit = running, running, waiting
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self.waiting = 0
        self._mean = 0.1

    @property
    def busy(self) -> int:
        """How many run."""
        return self.running - self._free

    @property
    def expected_wait(self) -> float:
        """Seconds until a call that came now would begin, judged by how long calls took of late."""
        return (self.waiting + 1) * self._mean / self.running

    def took(self, seconds: float) -> None:
        """Learn how long a call took."""
        self._mean += 0.05 * (seconds - self._mean)

    def check(self) -> None:
        """Raises `Problem` 429 where no more may wait."""
        if self._free <= 0 and self.waiting >= self._limit:
            raise too_many(f"{self.waiting} calls wait already.", min(60.0, self.expected_wait))

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn of `owner` and keep it for the length of the block."""
        await self._enter(owner)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, owner: str) -> None:
        if self._free > 0 and not self.waiting:
            self._free -= 1
            return
        self.check()
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(ticket)
        self.waiting += 1
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self._leave()  # its turn came at the moment in which it gave up
            elif ticket in (line := self._lines.get(owner, deque())):
                line.remove(ticket)
                self.waiting -= 1
                if not line:
                    del self._lines[owner]
            raise

    def _leave(self) -> None:
        """Hand the turn to the next owner in the round."""
        while self._lines:
            owner = next(iter(self._lines))
            line = self._lines.pop(owner)
            ticket = line.popleft()
            self.waiting -= 1
            if line:
                self._lines[owner] = line  # to the end of the round
            if not ticket.done():
                ticket.set_result(None)
                return
        self._free += 1
