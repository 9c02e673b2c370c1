"""The executor of tool calls: backends, threads and processes, calls in flight, exact cache, time limits."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.canvas import Asset
from canvasagent.concurrency.cancellation import cancellable
from canvasagent.endpoints.cost_meter import metered
from canvasagent.errors import BackendFailure, CallTimeout, Cancelled, MissingExtra, ToolRefusal
from canvasagent.execution.cache import Cache, Entry, Refused
from canvasagent.execution.calls import Known
from canvasagent.execution.in_flight import InFlight, done_in_loop
from canvasagent.execution.validate_outcome import validate_outcome
from canvasagent.tools.base import Call, Tool
from canvasagent.tools.check import Checked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A call with all that its result depends on, and its keys."""

    checked: Checked
    assets: dict[str, Asset]
    seed: int
    key: str
    cache_key: str
    """The key for caching and sharing its result."""
    known: Known
    """The declared properties of its backend."""
    pixel_boxes: bool

    @property
    def tool(self) -> Tool:
        """The called tool."""
        return self.checked.tool


@dataclass(frozen=True, slots=True)
class Done:
    """The entry of a finished call, whether it was cached, and its cost."""

    entry: Entry
    cached: bool
    cost: float | None = None


class Executor:
    """Executes calls; concurrent equal calls are executed once. Safe in threads and event loops.

    `make` makes the backend of a tool when it is called first. `workers` bounds the threads that pixel work runs in
    (None: one a core); `call_seconds` is how long one call may take, `waiting_call_seconds` one whose backend waits for
    another machine or for a batch (None: no limit).
    """

    def __init__(
        self,
        make: Callable[[Tool], Any],
        cache: Cache,
        workers: int | None,
        call_seconds: float,
        waiting_call_seconds: float | None,
    ) -> None:
        self.cache = cache
        self.backends: dict[str, Any] = {}
        """The backends made so far, by tool."""
        self.pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="canvasagent-tool")
        self._make = make
        self._call_seconds, self._waiting_call_seconds = call_seconds, waiting_call_seconds
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[str, InFlight] = {}

    def close(self) -> None:
        """End the workers and the processes of isolated backends; calls under way in them fail.

        A backend that computes in a thread ends its call at its next `check_cancelled`.
        """
        with self._lock:
            for running in self._running.values():
                running.cancelled.set()
        for pool in (self.pool, *self._lanes.values()):
            pool.shutdown(wait=False, cancel_futures=True)
        for backend in list(self.backends.values()):
            if (close := getattr(backend, "close", None)) is not None:
                close()

    async def execute(self, call: KeyedCall, abandoned: Callable[[Future[Any]], None]) -> Done:
        """Execute a call in the pool, together with concurrent equal calls.

        The time limit starts when a worker begins the call, so that a long queue is no failure. Raises
        `BackendFailure` and `MissingExtra`.
        """
        if (entry := self.cache.in_memory(call.cache_key)) is not None:
            return Done(entry, cached=True)
        limit = self._waiting_call_seconds if call.known.waits else self._call_seconds
        while True:
            joined = self._join(call)
            if not isinstance(joined, InFlight):
                return Done(joined, cached=True)
            try:
                return await self._wait(joined, call.tool, limit, abandoned)
            except Cancelled:
                continue  # all others gave it up, and it ended, in the moment in which we joined

    def execute_here(self, call: KeyedCall) -> Done | None:
        """Execute a call in this thread. None if an equal call is in flight. Raises as `execute`."""
        if call.cache_key in self._running:
            return None
        if (entry := self.cache.in_memory(call.cache_key)) is not None:
            return Done(entry, cached=True)
        here = InFlight(call.key, call.cache_key)
        entry, cached = self._run(here, call)
        return Done(entry, cached, here.cost)

    def _join(self, call: KeyedCall) -> InFlight | Entry:
        """The call in flight, started if there is none; or its cached result."""
        with self._lock:
            running = self._running.get(call.cache_key)
            if running is None:
                if (entry := self.cache.in_memory(call.cache_key)) is not None:
                    return entry
                running = self._submit(call)
            running.waiting += 1
            running.cancelled.clear()
            return running

    def _submit(self, call: KeyedCall) -> InFlight:
        running = InFlight(call.key, call.cache_key)
        try:
            running.future = self._lane(call).submit(self._run, running, call)
        except RuntimeError as error:
            raise BackendFailure("the tool box was closed.") from error
        self._running[call.cache_key] = running
        # A future keeps its callbacks: with the call in one, the result would be freed by the collector only.
        name = call.cache_key
        running.future.add_done_callback(lambda future: self._forget(name, future))
        return running

    async def _wait(
        self, running: InFlight, tool: Tool, limit: float | None, abandoned: Callable[[Future[Any]], None]
    ) -> Done:
        """Wait for a joined call. Raises `CallTimeout` after `limit` seconds of running."""
        try:
            done = done_in_loop(running.future)
            while not done.done():
                left = None if limit is None else limit - (time.monotonic() - (running.begun or time.monotonic()))
                if left is not None and left <= 0:
                    raise CallTimeout(f"{tool.name} took longer than {limit:g} s.")
                await asyncio.wait((done,), timeout=left)
            return Done(*running.future.result(), running.bill())
        except CancelledError as error:
            raise BackendFailure("the tool box was closed.") from error
        finally:
            if self._release(running, tool):
                abandoned(running.future)

    def _forget(self, cache_key: str, future: Future[Any]) -> None:
        running = self._running.get(cache_key)
        if running is not None and running.future is future:
            del self._running[cache_key]

    def _release(self, running: InFlight, tool: Tool) -> bool:
        """Stop waiting. A call that nobody waits for any more is not begun, and in a process of its own is ended; in a
        thread it ends where its backend next looks (`check_cancelled`), if it looks at all.

        Whether a thread goes on with it, if that was not told before.
        """
        with self._lock:
            running.waiting -= 1
            if running.waiting or running.future.done() or running.future.cancel():
                return False
            if isinstance(backend := self.backends.get(tool.name), IsolatedBackend):
                self._forget(running.cache_key, running.future)  # who asks from now on gets a fresh process
                backend.interrupt()
            running.cancelled.set()
            first, running.abandoned = not running.abandoned, True
            return first

    def _lane(self, call: KeyedCall) -> ThreadPoolExecutor:
        """The threads for a tool's calls; a backend that only waits has its own, to block no computing thread."""
        tool, known = call.tool, call.known
        if not known.alone and not known.waits:
            return self.pool
        if tool.name not in self._lanes:
            threads = 1 if known.alone else known.waits
            self._lanes[tool.name] = ThreadPoolExecutor(threads, thread_name_prefix=f"canvasagent-{tool.slug}")
        return self._lanes[tool.name]

    def _run(self, running: InFlight, call: KeyedCall) -> tuple[Entry, bool]:
        running.begun = time.monotonic()
        entry = self.cache.on_disk(call.cache_key)
        if entry is not None:
            return entry, True
        with metered() as meter, cancellable(running.cancelled):
            entry = self._entry_of(call)
        running.cost = meter.cost
        self.cache.put(call.cache_key, entry)
        return entry, False

    def _entry_of(self, keyed: KeyedCall) -> Entry:
        """The validated outcome of the backend, or its refusal."""
        tool, checked, assets = keyed.tool, keyed.checked, keyed.assets
        backend = self._backend(tool)
        call = Call(
            arguments=checked.arguments,
            pictures={name: asset.picture for name, asset in assets.items()},
            kinds={name: asset.kind for name, asset in assets.items()},
            backend=backend,
            seed=keyed.seed,
            pixel_boxes=keyed.pixel_boxes,
        )
        try:
            whole = getattr(backend, "carry_out", None)
            outcome = whole(keyed.key, checked, assets, keyed.seed) if whole is not None else tool.run(call)
        except ToolRefusal as error:
            return Refused(str(error))
        except (BackendFailure, MissingExtra):
            raise
        except (Exception, SystemExit) as error:
            log.exception("the backend of %s crashed", tool.name)
            raise BackendFailure(f"the backend of {tool.name} crashed: {type(error).__name__}: {error}") from error
        return validate_outcome(tool, outcome, next(iter(assets.values()), None))

    def _backend(self, tool: Tool) -> Any:
        with self._making:
            lock = self._locks.setdefault(tool.name, threading.Lock())
        with lock:  # one tool's backend may take long to make, and holds up no other's
            if tool.name not in self.backends:
                self.backends[tool.name] = self._make(tool)
            return self.backends[tool.name]
