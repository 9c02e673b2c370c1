"""The tools of a profile and the keys of their calls; the executor runs them.

A call is a pure function of (tool, arguments, input keys, seed, backend fingerprint). Its key says so, which
gives the cache, the lineage and the replay at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.backends.missing_requirements import missing_for
from canvasagent.backends.profile import Profile, backend_class, fingerprint, load_profile, make_backend
from canvasagent.canvas import Asset
from canvasagent.errors import BackendFailure, InputError, MissingExtra
from canvasagent.execution.cache import Cache
from canvasagent.execution.calls import Execution, Known, cache_key, ended, failed, key_of, seed_of
from canvasagent.execution.executor import Executor, KeyedCall
from canvasagent.faults import Stage, ToolFault
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.tools import all_tools
from canvasagent.tools.base import AssetInfo, Tool
from canvasagent.tools.check import Checked
from canvasagent.tools.slots import in_slots

log = logging.getLogger(__name__)

CALL_SECONDS = 180.0
"""Default time limit of a call in seconds."""


class ToolBox:
    """The callable tools of a profile. Shared by any number of episodes and event loops.

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
        self.call_seconds = call_seconds
        self.tools: dict[str, Tool] = {
            name: tool for name, tool in all_tools().items() if name in self.profile.backends
        }
        self._names = {alias: tool for tool in self.tools.values() for alias in tool.names}
        self._known: dict[str, Known] = {}
        self._executor = Executor(self._make_backend, self.cache, workers, call_seconds, waiting_call_seconds)
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
        self._executor.close()

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
            await asyncio.get_running_loop().run_in_executor(self._executor.pool, self._get_ready, tool)
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
        """Identifies the backend of `tool` and its version; equal fingerprints give equal results."""
        return self._know(tool).fingerprint

    def _fingerprint_for(self, checked: Checked, assets: Mapping[str, Asset]) -> str:
        """The fingerprint of a call: a backend may use another algorithm for large pictures."""
        largest = max((asset.picture.width * asset.picture.height for asset in assets.values()), default=0)
        return self._know(checked.tool).fingerprint_for(largest)

    def large(self, tool: Tool) -> tuple[int, str] | None:
        """Number of pixels above which the backend of `tool` uses another algorithm, and that algorithm's version."""
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

    async def call(
        self,
        checked: Checked,
        assets: Mapping[str, Asset],
        *,
        run_seed: int = 0,
        repeat: Callable[[str], int] = lambda _: 0,
        seed: int | None = None,
        partition: str = "",
        abandoned: Callable[[Future[Any]], None] = lambda _: None,
    ) -> Execution:
        """Run a call that passed its checks. `assets` are the pictures its arguments mean, by slot.

        `seed` is the backend's own; where it is not given it follows from `run_seed` and from `repeat`, which is asked
        how often the call with a base key was made before. Calls share what is cached or under way with those of the
        same `partition` only. Work that nobody waits for any more (the caller gave up, the time is over), but that goes
        on in a thread, is given to `abandoned`, once.
        Never raises for what a backend does: a refusal or a failure is in the result's `fault`.
        """
        started = time.perf_counter()
        try:
            await self.prepare(checked.tool)
        except BackendFailure as error:
            return failed(error, "", 0, "", started)
        base = self.base_key(checked, assets)
        times = repeat(base)
        if seed is None:
            seed = seed_of(base, run_seed, times)
        keyed, backend = self._keyed(checked, assets, base, seed, partition), self._fingerprint_for(checked, assets)
        if problem := self._over_budget(checked, assets):
            fault = ToolFault(Stage.EXECUTION, problem)
            return Execution(None, fault, keyed.key, keyed.seed, backend, False, time.perf_counter() - started)
        try:
            done = await self._executor.execute(keyed, abandoned)
        except (BackendFailure, MissingExtra) as error:
            return failed(error, keyed.key, keyed.seed, backend, started)
        return ended(done.entry, keyed.key, keyed.seed, backend, done.cached, started, done.cost)

    def call_here(
        self, checked: Checked, assets: Mapping[str, Asset], *, seed: int = 0, partition: str = ""
    ) -> Execution | None:
        """Run a brief call in this thread. None if an equal call is in flight: then use `call`.

        For a server, whose event loop has nothing better to do: handing such a call to a thread and back costs more
        than the call. What computes in an event loop of somebody else is in its way, so `call` does not.
        """
        started = time.perf_counter()
        keyed = self._keyed(checked, assets, self.base_key(checked, assets), seed, partition)
        backend = self._fingerprint_for(checked, assets)
        try:
            done = self._executor.execute_here(keyed)
        except (BackendFailure, MissingExtra) as error:
            return failed(error, keyed.key, keyed.seed, backend, started)
        if done is None:
            return None
        return ended(done.entry, keyed.key, keyed.seed, backend, done.cached, started, done.cost)

    def _keyed(self, checked: Checked, assets: Mapping[str, Asset], base: str, seed: int, partition: str) -> KeyedCall:
        """The call with its keys; without a seed if its result depends on none."""
        known = self._know(checked.tool)
        seed = seed if known.stochastic else 0
        key = key_of(base, seed)
        return KeyedCall(checked, dict(assets), seed, key, cache_key(key, partition), known, self.profile.pixel_boxes)

    def is_brief(self, checked: Checked, assets: Mapping[str, Asset]) -> bool:
        """Whether a call takes about a millisecond, as its backend says, which is there already."""
        known, backend = self._known.get(checked.tool.name), self._executor.backends.get(checked.tool.name)
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

    def _make_backend(self, tool: Tool) -> Any:
        spec, options = self.profile.backends[tool.name], self.profile.options.get(tool.name, {})
        if self._know(tool).alone:
            return IsolatedBackend(spec, options, self.call_seconds)
        return make_backend(spec, options)


def _infos(assets: Mapping[str, Asset]) -> dict[str, AssetInfo]:
    return {name: AssetInfo(asset.id, asset.kind, asset.size) for name, asset in assets.items()}
