"""Tools with their backends behind them: exact cache, single-flight, pools, budgets, deterministic seeds.

A call is a pure function of (tool, arguments, input keys, seed, backend fingerprint). Its key says so, which
gives the cache, the lineage and the replay at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.backends.profile import Profile, backend_class, fingerprint, load_profile, make_backend
from canvasagent.cache import Cache, Entry, Refused
from canvasagent.canvas import Asset
from canvasagent.errors import BackendFailure, MissingExtra, ToolRefusal
from canvasagent.faults import Stage, ToolFault
from canvasagent.pictures import MAX_PIXELS, profile_of, with_profile
from canvasagent.tools import all_tools
from canvasagent.tools.base import AssetInfo, Call, Checked, Outcome, Tool

log = logging.getLogger(__name__)

CALL_SECONDS = 180.0
"""Default time that one call may take."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a call gave: an outcome, or the fault that kept it from one."""

    outcome: Outcome | None
    fault: ToolFault | None
    key: str
    seed: int
    backend: str
    cached: bool
    seconds: float
    """Wall time, waiting for a free worker included."""


class ToolBox:
    """The tools of a profile, ready to be called. Shared by any number of episodes and event loops.

    `workers` bounds the threads that pixel work runs in (None: one a core); `max_pixels` what one result may
    hold; `call_seconds` how long one call may take.
    """

    def __init__(
        self,
        profile: str | Path | Profile = "lite",
        *,
        cache: Cache | None = None,
        workers: int | None = None,
        max_pixels: int = MAX_PIXELS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self.profile = load_profile(profile)
        self.cache = cache if cache is not None else Cache()
        self.max_pixels = max_pixels
        self.call_seconds = call_seconds
        self.tools: dict[str, Tool] = {
            name: tool for name, tool in all_tools().items() if name in self.profile.backends
        }
        self._names = {alias: tool for tool in self.tools.values() for alias in tool.names}
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="canvasagent-tool")
        self._lock = threading.Lock()
        self._making = {name: threading.Lock() for name in self.tools}
        self._backends: dict[str, Any] = {}
        self._fingerprints: dict[str, str] = {}
        self._running: dict[str, Future[Entry]] = {}

    def __enter__(self) -> ToolBox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and the processes of isolated backends."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for backend in self._backends.values():
            if isinstance(backend, IsolatedBackend):
                backend.close()

    def find(self, name: str) -> Tool | None:
        """The tool of that wire name or alias, if this profile has it."""
        return self._names.get(name)

    def fingerprint(self, tool: Tool) -> str:
        """What tells this profile's results of `tool` from another's."""
        if tool.name not in self._fingerprints:
            spec = self.profile.backends[tool.name]
            value = fingerprint(spec, self.profile.options.get(tool.name, {}))
            self._fingerprints[tool.name] = f"{tool.name}@{tool.version}:{value}"
        return self._fingerprints[tool.name]

    def base_key(self, checked: Checked, assets: Mapping[str, Asset]) -> str:
        """The call without its seed: tool, arguments with assets by key, backend."""
        arguments = checked.arguments.model_dump(mode="json")
        arguments.update({name: f"{asset.kind}:{asset.key}" for name, asset in assets.items()})
        parts = [checked.tool.name, arguments, self.fingerprint(checked.tool), self.profile.pixel_boxes]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def seed(self, base_key: str, run_seed: int, repeat: int) -> int:
        """A seed that depends on the run's seed, the call, and how often it was made before in the episode."""
        digest = hashlib.sha256(f"{run_seed}:{repeat}:{base_key}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    async def call(
        self, checked: Checked, assets: Mapping[str, Asset], *, run_seed: int = 0, repeat: int = 0
    ) -> Execution:
        """Run a call that passed its checks. `assets` are the pictures its arguments mean, by argument.

        Never raises for what a backend does: a refusal or a failure is in the result's `fault`.
        """
        started = time.perf_counter()
        tool = checked.tool
        try:
            base = self.base_key(checked, assets)
            stochastic = bool(backend_class(self.profile.backends[tool.name]).stochastic)
        except MissingExtra as error:
            return self._failed(str(error), "", 0, started)
        seed = self.seed(base, run_seed, repeat) if stochastic else 0
        key = hashlib.sha256(f"{base}:{seed}".encode()).hexdigest()
        if problem := self._over_budget(checked, assets):
            fault = ToolFault(Stage.EXECUTION, problem)
            return Execution(None, fault, key, seed, self.fingerprint(tool), False, time.perf_counter() - started)
        entry = self.cache.in_memory(key)
        cached = entry is not None
        if entry is None:
            try:
                entry = await self._shared(key, checked, assets, seed)
            except TimeoutError:
                return self._failed(f"{tool.name} took longer than {self.call_seconds:g} s.", key, seed, started, tool)
            except (BackendFailure, MissingExtra) as error:
                return self._failed(str(error), key, seed, started, tool)
        refused = ToolFault(Stage.EXECUTION, entry.message) if isinstance(entry, Refused) else None
        outcome = entry if isinstance(entry, Outcome) else None
        seconds = time.perf_counter() - started
        return Execution(outcome, refused, key, seed, self.fingerprint(tool), cached, seconds)

    def _failed(self, message: str, key: str, seed: int, started: float, tool: Tool | None = None) -> Execution:
        fault = ToolFault(Stage.INFRASTRUCTURE, message)
        backend = self.fingerprint(tool) if tool else ""
        return Execution(None, fault, key, seed, backend, False, time.perf_counter() - started)

    def _over_budget(self, checked: Checked, assets: Mapping[str, Asset]) -> str | None:
        infos = {name: AssetInfo(asset.id, asset.kind, asset.size) for name, asset in assets.items()}
        pixels = checked.tool.output_pixels(checked.arguments, infos)
        if pixels <= self.max_pixels:
            return None
        return (
            f"{checked.tool.name} would make a picture of {pixels:,} pixels; the limit is {self.max_pixels:,}. "
            "Crop it or use a smaller picture first."
        )

    async def _shared(self, key: str, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Entry:
        """Run the call in the pool, once for all that ask for it at the same time."""
        with self._lock:
            future = self._running.get(key)
            if future is None:
                future = self._pool.submit(self._run, key, checked, dict(assets), seed)
                self._running[key] = future
                future.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), self.call_seconds)

    def _run(self, key: str, checked: Checked, assets: dict[str, Asset], seed: int) -> Entry:
        entry = self.cache.on_disk(key)
        if entry is None:
            entry = self._execute(checked, assets, seed)
            self.cache.put(key, entry)
        return entry

    def _execute(self, checked: Checked, assets: dict[str, Asset], seed: int) -> Entry:
        tool = checked.tool
        call = Call(
            arguments=checked.arguments,
            pictures={name: asset.picture for name, asset in assets.items()},
            kinds={name: asset.kind for name, asset in assets.items()},
            backend=self._backend(tool),
            seed=seed,
            pixel_boxes=self.profile.pixel_boxes,
        )
        try:
            outcome = tool.run(call)
        except ToolRefusal as error:
            return Refused(str(error))
        except (BackendFailure, MissingExtra):
            raise
        except Exception as error:
            log.exception("the backend of %s crashed", tool.name)
            raise BackendFailure(f"the backend of {tool.name} crashed: {type(error).__name__}: {error}") from error
        if outcome.picture is not None:
            first = next(iter(assets.values()), None)
            with_profile(outcome.picture, profile_of(first.picture) if first else profile_of(outcome.picture))
        return outcome

    def _backend(self, tool: Tool) -> Any:
        with self._making[tool.name]:
            if tool.name not in self._backends:
                spec = self.profile.backends[tool.name]
                options = self.profile.options.get(tool.name, {})
                alone = tool.name in self.profile.isolate or getattr(backend_class(spec), "may_hang", False)
                self._backends[tool.name] = (
                    IsolatedBackend(spec, options, self.call_seconds) if alone else make_backend(spec, options)
                )
            return self._backends[tool.name]
