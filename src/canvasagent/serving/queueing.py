"""A queue that is fair between keys: a fixed number of calls run at once, the others wait, served key by key.

A thread cannot be ended in Python. A call whose time is over, or whose client left, may leave one that works on; it
keeps its turn until it is done, so that no more calls are let through than there are threads for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

from canvasagent.execution.in_flight import done_in_loop
from canvasagent.serving.problems import Problem, too_many

log = logging.getLogger(__name__)
GRACE = 0.5
"""Seconds in which abandoned work, such as a killed process, is still expected to end."""


class Turn:
    """The turn of a call."""

    def __init__(self) -> None:
        self.since = asyncio.get_running_loop().time()
        self.abandoned: Future[Any] | None = None

    def abandon(self, work: Future[Any]) -> None:
        """Keep the turn until the thread that still works on this call is done."""
        self.abandoned = work


class Turnstile:
    """Lets `running` calls through at once and keeps up to `waiting` more.

    A thread that still works `seconds` after its turn began is stuck. When all are, calls fail instead of waiting.
    """

    def __init__(self, running: int, waiting: int, seconds: float) -> None:
        self._free, self.running, self._limit, self._seconds = running, running, waiting, seconds
        self.abandoned = 0
        """Turns held by threads whose calls were abandoned."""
        self._stuck = 0
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self.waiting = 0
        self._mean = 0.1

    @property
    def busy(self) -> int:
        """Number of running calls."""
        return self.running - self._free

    @property
    def stuck(self) -> bool:
        """Whether all turns are held by threads that do not end."""
        return self._stuck >= self.running

    @property
    def expected_wait(self) -> float:
        """Estimated seconds until a new call would begin, from the duration of recent calls."""
        return (self.waiting + 1) * self._mean / self.running

    def took(self, seconds: float) -> None:
        """Record the duration of a call."""
        self._mean += 0.05 * (seconds - self._mean)

    def check(self) -> None:
        """Raise `Problem` 429 if the queue is full, 503 if all turns are stuck."""
        if self.stuck:
            raise self._all_stuck()
        if self._free <= 0 and self.waiting >= self._limit:
            raise too_many(f"{self.waiting} calls wait already.", min(60.0, self.expected_wait))

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[Turn]:
        """Wait for a turn of `owner`; keep it for the length of the block, and until what it abandons is done.

        Raises as `check` does.
        """
        await self._enter(owner)
        turn = Turn()
        try:
            yield turn
        finally:
            if turn.abandoned is None:
                self._leave()
            else:
                self._keep(turn.abandoned, turn.since)

    def _keep(self, work: Future[Any], since: float) -> None:
        """Release the turn when `work` is done; until then it counts as stuck once its time limit has passed."""
        loop = asyncio.get_running_loop()
        self.abandoned += 1
        overdue = False

        def late() -> None:
            nonlocal overdue
            overdue = True
            self._stuck += 1
            log.warning("a call goes on after its time is over: %d of %d workers are stuck", self._stuck, self.running)
            if self.stuck:
                self._fail_waiting()

        def done(_: object) -> None:
            timer.cancel()
            self._stuck -= overdue
            self.abandoned -= 1
            self._leave()

        timer = loop.call_later(max(GRACE, since + self._seconds - loop.time()), late)
        done_in_loop(work).add_done_callback(done)

    def _all_stuck(self) -> Problem:
        words = f"all workers ({self.running}) are stuck in calls that go on after {self._seconds:g} s (--call-timeout)"
        advice = "The server must be restarted; with --isolate such calls are ended."
        return Problem(503, "workers_stuck", f"{words}. {advice}", wait=60)

    def _fail_waiting(self) -> None:
        for line in self._lines.values():
            for ticket in line:
                if not ticket.done():
                    ticket.set_exception(self._all_stuck())
        self._lines.clear()
        self.waiting = 0

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
            if ticket.done() and not ticket.cancelled() and ticket.exception() is None:
                self._leave()  # it got its turn and was cancelled at the same moment
            elif ticket in (line := self._lines.get(owner, deque())):
                line.remove(ticket)
                self.waiting -= 1
                if not line:
                    del self._lines[owner]
            raise

    def _leave(self) -> None:
        """Give the turn to the next owner, round robin."""
        while self._lines:
            owner = next(iter(self._lines))
            line = self._lines.pop(owner)
            ticket = line.popleft()
            self.waiting -= 1
            if line:
                self._lines[owner] = line  # round robin
            if not ticket.done():
                ticket.set_result(None)
                return
        self._free += 1
