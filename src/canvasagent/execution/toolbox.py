"""Tools with their backends behind them: exact cache, single-flight, pools, budgets, deterministic seeds.

A call is a pure function of (tool, arguments, input keys, seed, backend fingerprint). Its key says so, which
gives the cache, the lineage and the replay at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.backends.missing_requirements import missing_for
from canvasagent.backends.profile import Profile, backend_class, fingerprint, load_profile, make_backend
from canvasagent.canvas import Asset
from canvasagent.concurrency.cancellation import cancellable
from canvasagent.endpoints.cost_meter import metered
from canvasagent.errors import BackendFailure, CallTimeout, Cancelled, InputError, MissingExtra, ToolRefusal
from canvasagent.execution.cache import Cache, Entry, Refused
from canvasagent.execution.calls import Execution, Known, cache_key, ended, failed, key_of
from canvasagent.execution.in_flight import Flight, landing
from canvasagent.execution.validate_outcome import validate_outcome
from canvasagent.faults import Stage, ToolFault
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.tools import all_tools
from canvasagent.tools.base import AssetInfo, Call, Tool
from canvasagent.tools.check import Checked
from canvasagent.tools.slots import in_slots

log = logging.getLogger(__name__)

CALL_SECONDS = 180.0
"""Default time that one call may take."""


class ToolBox:
    """The tools of a profile, ready to be called. Shared by any number of episodes and event loops.

    `workers` bounds the threads that pixel work runs in (None: one a core); `max_pixels` what one result may
    hold; `call_seconds` how long one call may take, `waiting_call_seconds` one whose backend waits for another machine
    or for a batch (None: no limit but that of who carries it out).
    """

    def __init__(
        self,
        profile: str | Path | Profile = "lite",
        *,
        cache: Cache | None = None,
        workers: int | None = None,
        max_pixels: int = MAX_PIXELS,
        call_seconds: float = CALL_SECONDS,
        waiting_call_seconds: float | None = None,
    ) -> None:
        self.profile = load_profile(profile)
        self.cache = cache if cache is not None else Cache()
        self.max_pixels = max_pixels
        self.call_seconds, self.waiting_call_seconds = call_seconds, waiting_call_seconds
        self.tools: dict[str, Tool] = {
            name: tool for name, tool in all_tools().items() if name in self.profile.backends
        }
        self._names = {alias: tool for tool in self.tools.values() for alias in tool.names}
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="canvasagent-tool")
        self._lock = threading.Lock()
        self._making = {name: threading.Lock() for name in self.tools}
        self._backends: dict[str, Any] = {}
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._known: dict[str, Known] = {}
        self._running: dict[str, Flight] = {}
        for name, options in self.profile.options.items():
            with contextlib.suppress(MissingExtra):
                fingerprint(self.profile.backends[name], options)  # a wrong setting is told before anything runs

    def __repr__(self) -> str:
        return f"ToolBox({self.profile.name}: {len(self.tools)} tools)"

    def _repr_html_(self) -> str:
        """The tools and who does their work, which notebooks show; no options of backends, which may be secret."""
        from canvasagent.notebook import card

        return card(
            f"ToolBox, profile {self.profile.name}", [(tool, self.profile.backends[tool]) for tool in self.tools]
        )

    def __enter__(self) -> ToolBox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and the processes of isolated backends; calls under way in them fail.

        A backend that computes in a thread ends its call at its next `check_cancelled`.
        """
        with self._lock:
            for flight in self._running.values():
                flight.cancelled.set()
        for pool in (self._pool, *self._lanes.values()):
            pool.shutdown(wait=False, cancel_futures=True)
        for backend in list(self._backends.values()):
            if (close := getattr(backend, "close", None)) is not None:
                close()

    def find(self, name: str) -> Tool | None:
        """The tool of that wire name or alias, if this profile has it."""
        return self._names.get(name)

    async def prepare(self, tool: Tool) -> None:
        """Import the tool's backend off the event loop. Raises `BackendFailure` if that cannot be done.

        To be awaited before `base_key` and `call`; after the first time it costs nothing.
        """
        if tool.name in self._known:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._get_ready, tool)
        except Exception as error:
            raise BackendFailure(str(error)) from error

    def _get_ready(self, tool: Tool) -> None:
        if lacks := missing_for(self.profile, tool.name):
            raise BackendFailure(f"{tool.name} cannot run here yet: {'; '.join(lacks)}")
        self._know(tool)

    def _know(self, tool: Tool) -> Known:
        known = self._known.get(tool.name)
        if known is None:
            spec, options = self.profile.backends[tool.name], self.profile.options.get(tool.name, {})
            cls = backend_class(spec)
            if getattr(cls, "tool", None) != tool.name:
                served = getattr(cls, "tool", None)
                raise InputError(f"backend '{spec}' serves {served}, and the profile gives it {tool.name} to do.")
            value = f"{tool.name}@{tool.version}:{fingerprint(spec, options)}"
            alone = tool.name in self.profile.isolate or bool(getattr(cls, "may_hang", False))
            stochastic, waits = bool(getattr(cls, "stochastic", False)), int(getattr(cls, "waits", 0))
            foretell, large = getattr(cls, "output_pixels", None), getattr(cls, "large", None)
            known = self._known[tool.name] = Known(value, stochastic, alone, waits, foretell, large)
        return known

    def fingerprint(self, tool: Tool) -> str:
        """What tells this profile's results of `tool` from another's."""
        return self._know(tool).fingerprint

    def _fingerprint_for(self, checked: Checked, assets: Mapping[str, Asset]) -> str:
        """The fingerprint of this very call: a backend may work another way on large pictures."""
        largest = max((asset.picture.width * asset.picture.height for asset in assets.values()), default=0)
        return self._know(checked.tool).fingerprint_for(largest)

    def large(self, tool: Tool) -> tuple[int, str] | None:
        """Above how many pixels the backend of `tool` works another way, and the version of that way."""
        return self._know(tool).large

    def stochastic(self, tool: Tool) -> bool:
        """Whether results of `tool` depend on the seed."""
        return self._know(tool).stochastic

    def base_key(self, checked: Checked, assets: Mapping[str, Asset]) -> str:
        """The call without its seed: tool, arguments with assets by key, backend."""
        keys = {slot: f"{asset.kind}:{asset.key}" for slot, asset in assets.items()}
        arguments = in_slots(checked.arguments.model_dump(mode="json"), keys)
        parts = [checked.tool.name, arguments, self._fingerprint_for(checked, assets), self.profile.pixel_boxes]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def seed(self, base_key: str, run_seed: int, repeat: int) -> int:
        """A seed that depends on the run's seed, the call, and how often it was made before in the episode."""
        digest = hashlib.sha256(f"{run_seed}:{repeat}:{base_key}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    async def call(
        self,
        checked: Checked,
        assets: Mapping[str, Asset],
        *,
        run_seed: int = 0,
        repeat: int = 0,
        seed: int | None = None,
        partition: str = "",
        abandoned: Callable[[Future[Any]], None] = lambda _: None,
    ) -> Execution:
        """Run a call that passed its checks. `assets` are the pictures its arguments mean, by slot.

        `seed` is the backend's own; where it is not given it follows from `run_seed` and `repeat`. Calls share what is
        cached or under way with those of the same `partition` only. Work that nobody waits for any more (the caller
        gave up, the time is over), but that goes on in a thread, is given to `abandoned`, once.
        Never raises for what a backend does: a refusal or a failure is in the result's `fault`.
        """
        started = time.perf_counter()
        tool = checked.tool
        try:
            await self.prepare(tool)
        except BackendFailure as error:
            return failed(error, "", 0, "", started)
        base, known = self.base_key(checked, assets), self._know(tool)
        backend = self._fingerprint_for(checked, assets)
        if seed is None or not known.stochastic:
            seed = self.seed(base, run_seed, repeat) if known.stochastic else 0
        key = key_of(base, seed)
        if problem := self._over_budget(checked, assets):
            fault = ToolFault(Stage.EXECUTION, problem)
            return Execution(None, fault, key, seed, backend, False, time.perf_counter() - started)
        shared_key = cache_key(key, partition)
        entry = self.cache.in_memory(shared_key)
        cached, cost = entry is not None, None
        if entry is None:
            try:
                entry, cached, cost = await self._shared(key, shared_key, checked, assets, seed, abandoned)
            except (BackendFailure, MissingExtra) as error:
                return failed(error, key, seed, backend, started)
        return ended(entry, key, seed, backend, cached, started, cost)

    def call_here(
        self, checked: Checked, assets: Mapping[str, Asset], *, seed: int = 0, partition: str = ""
    ) -> Execution | None:
        """A brief call, made in this very thread; None where one like it is under way, so that it must be `call`ed.

        For a server, whose event loop has nothing better to do: handing such a call to a thread and back costs more
        than the call. What computes in an event loop of somebody else is in its way, so `call` does not.
        """
        started = time.perf_counter()
        backend = self._fingerprint_for(checked, assets)
        seed = seed if self._know(checked.tool).stochastic else 0
        key = key_of(self.base_key(checked, assets), seed)
        shared_key = cache_key(key, partition)
        if shared_key in self._running:
            return None
        entry = self.cache.in_memory(shared_key)
        if entry is not None:
            return ended(entry, key, seed, backend, True, started)
        flight = Flight(key, shared_key)
        try:
            entry, cached = self._run(flight, checked, dict(assets), seed)
        except (BackendFailure, MissingExtra) as error:
            return failed(error, key, seed, backend, started)
        return ended(entry, key, seed, backend, cached, started, flight.cost)

    def is_brief(self, checked: Checked, assets: Mapping[str, Asset]) -> bool:
        """Whether a call takes about a millisecond, as its backend says, which is there already."""
        known, backend = self._known.get(checked.tool.name), self._backends.get(checked.tool.name)
        brief = getattr(backend, "brief", None)
        if known is None or known.alone or known.waits or self.cache.keeps_files or brief is None:
            return False
        made = self.output_pixels(checked, assets)
        read = sum(asset.picture.width * asset.picture.height for asset in assets.values())
        return made <= self.max_pixels and bool(brief(checked.arguments, read + made))

    def output_pixels(self, checked: Checked, assets: Mapping[str, Asset]) -> int:
        """How many pixels the result of a call will have; the tool must be prepared."""
        known, infos = self._known.get(checked.tool.name), _infos(assets)
        if known is not None and known.output_pixels is not None:
            try:
                return int(known.output_pixels(checked.arguments, infos))
            except Exception:
                log.exception("the backend of %s crashed when asked for the size of its result", checked.tool.name)
        return checked.tool.output_pixels(checked.arguments, infos)

    def _over_budget(self, checked: Checked, assets: Mapping[str, Asset]) -> str | None:
        pixels = self.output_pixels(checked, assets)
        if pixels <= self.max_pixels:
            return None
        return (
            f"{checked.tool.name} would make a picture of {pixels:,} pixels; the limit is {self.max_pixels:,}. "
            "Crop it or use a smaller picture first."
        )

    async def _shared(
        self,
        key: str,
        shared_key: str,
        checked: Checked,
        assets: Mapping[str, Asset],
        seed: int,
        abandoned: Callable[[Future[Any]], None],
    ) -> tuple[Entry, bool, float | None]:
        """Run the call in the pool, once for all that ask for it at the same time; was it cached, what did it cost.

        The time limit counts from when a worker takes the call up, so that a long queue is no failure.
        """
        limit = self.waiting_call_seconds if self._know(checked.tool).waits else self.call_seconds
        while True:
            joined = self._join(key, shared_key, checked, assets, seed)
            if not isinstance(joined, Flight):
                return joined, True, None
            try:
                return await self._landed(joined, checked.tool, limit, abandoned)
            except Cancelled:
                continue  # all others gave it up, and it ended, in the moment in which we joined

    def _join(
        self, key: str, shared_key: str, checked: Checked, assets: Mapping[str, Asset], seed: int
    ) -> Flight | Entry:
        """The call under way, which is begun where there is none; or its result where that is cached."""
        with self._lock:
            flight = self._running.get(shared_key)
            if flight is None:
                if (entry := self.cache.in_memory(shared_key)) is not None:
                    return entry
                flight = self._depart(Flight(key, shared_key), checked, assets, seed)
                # A future keeps its callbacks: with the flight in one, the result would be freed by the collector only.
                flight.future.add_done_callback(lambda future: self._forget(shared_key, future))
            flight.waiting += 1
            flight.cancelled.clear()
            return flight

    async def _landed(
        self, flight: Flight, tool: Tool, limit: float | None, abandoned: Callable[[Future[Any]], None]
    ) -> tuple[Entry, bool, float | None]:
        """Wait for a call that was joined. Raises `CallTimeout` where it runs longer than `limit` seconds."""
        try:
            landed = landing(flight.future)
            while not landed.done():
                left = None if limit is None else limit - (time.monotonic() - (flight.begun or time.monotonic()))
                if left is not None and left <= 0:
                    raise CallTimeout(f"{tool.name} took longer than {limit:g} s.")
                await asyncio.wait((landed,), timeout=left)
            return *flight.future.result(), flight.bill()
        except CancelledError as error:
            raise BackendFailure("the tool box was closed.") from error
        finally:
            if self._leave(flight, tool):
                abandoned(flight.future)

    def _forget(self, shared_key: str, future: Future[Any]) -> None:
        flight = self._running.get(shared_key)
        if flight is not None and flight.future is future:
            del self._running[shared_key]

    def _leave(self, flight: Flight, tool: Tool) -> bool:
        """Stop waiting. A call that nobody waits for any more is not begun, and in a process of its own is ended; in a
        thread it ends where its backend next looks (`check_cancelled`), if it looks at all.

        Whether a thread goes on with it, if that was not told before.
        """
        with self._lock:
            flight.waiting -= 1
            if flight.waiting or flight.future.done() or flight.future.cancel():
                return False
            if isinstance(backend := self._backends.get(tool.name), IsolatedBackend):
                self._forget(flight.cache_key, flight.future)  # who asks from now on gets a fresh process
                backend.interrupt()
            flight.cancelled.set()
            first, flight.abandoned = not flight.abandoned, True
            return first

    def _depart(self, flight: Flight, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Flight:
        try:
            flight.future = self._lane(checked.tool).submit(self._run, flight, checked, dict(assets), seed)
        except RuntimeError as error:
            raise BackendFailure("the tool box was closed.") from error
        self._running[flight.cache_key] = flight
        return flight

    def _lane(self, tool: Tool) -> ThreadPoolExecutor:
        """The threads a tool's calls run in: its own where its backend is a process or waits, so that none are idle."""
        known = self._know(tool)
        if not known.alone and not known.waits:
            return self._pool
        if tool.name not in self._lanes:
            threads = 1 if known.alone else known.waits
            self._lanes[tool.name] = ThreadPoolExecutor(threads, thread_name_prefix=f"canvasagent-{tool.slug}")
        return self._lanes[tool.name]

    def _run(self, flight: Flight, checked: Checked, assets: dict[str, Asset], seed: int) -> tuple[Entry, bool]:
        flight.begun = time.monotonic()
        entry = self.cache.on_disk(flight.cache_key)
        if entry is not None:
            return entry, True
        with metered() as meter, cancellable(flight.cancelled):
            entry = self._execute(flight.key, checked, assets, seed)
        flight.cost = meter.cost
        self.cache.put(flight.cache_key, entry)
        return entry, False

    def _execute(self, key: str, checked: Checked, assets: dict[str, Asset], seed: int) -> Entry:
        tool = checked.tool
        backend = self._backend(tool)
        call = Call(
            arguments=checked.arguments,
            pictures={name: asset.picture for name, asset in assets.items()},
            kinds={name: asset.kind for name, asset in assets.items()},
            backend=backend,
            seed=seed,
            pixel_boxes=self.profile.pixel_boxes,
        )
        try:
            whole = getattr(backend, "carry_out", None)
            outcome = whole(key, checked, assets, seed) if whole is not None else tool.run(call)
        except ToolRefusal as error:
            return Refused(str(error))
        except (BackendFailure, MissingExtra):
            raise
        except (Exception, SystemExit) as error:
            log.exception("the backend of %s crashed", tool.name)
            raise BackendFailure(f"the backend of {tool.name} crashed: {type(error).__name__}: {error}") from error
        return validate_outcome(tool, outcome, next(iter(assets.values()), None))

    def _backend(self, tool: Tool) -> Any:
        with self._making[tool.name]:
            if tool.name not in self._backends:
                spec, options = self.profile.backends[tool.name], self.profile.options.get(tool.name, {})
                alone = self._know(tool).alone
                self._backends[tool.name] = (
                    IsolatedBackend(spec, options, self.call_seconds) if alone else make_backend(spec, options)
                )
            return self._backends[tool.name]


def _infos(assets: Mapping[str, Asset]) -> dict[str, AssetInfo]:
    return {name: AssetInfo(asset.id, asset.kind, asset.size) for name, asset in assets.items()}
