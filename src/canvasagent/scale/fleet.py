"""Episodes distributed over a cluster: workers on any node, several episodes per worker, lost workers replaced.

A worker reads and writes the folders of runs itself, so they must be on storage that all nodes share (on one machine,
any disk). An episode of a lost worker resumes from its record on another worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from canvasagent.craft.engines import single_threaded
from canvasagent.errors import BackendFailure, CanvasAgentError, InputError
from canvasagent.scale.cluster import Cluster
from canvasagent.storage.folders import OWN_FILES
from canvasagent.version import __version__

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item], Awaitable[Result]]

LOSSES = 3
"""How often an item is tried when workers are lost."""
START_SECONDS = 300.0
"""Time limit for the start of all workers."""
PASSED_ON = ("CANVASAGENT_", "OPENAI_")
"""Prefixes of the environment variables that workers get: keys and addresses of services."""


class _Worker:
    """A Ray actor that processes several items at once, with the caller's working folder and keys."""

    def __init__(self, start: Callable[[], Any], folder: str, seen: str, environment: dict[str, str]) -> None:
        single_threaded()
        os.environ.update(environment)
        self._problem: str | None = None
        self._work: Any = None
        try:
            os.chdir(folder)
            if not Path(seen).is_file():
                raise InputError("the folder of the runs is not the same there")
            self._work = start()
        except OSError as error:
            self._problem = f"there is no folder '{folder}' ({error.strerror})"
        except CanvasAgentError as error:
            self._problem = str(error)

    async def status(self) -> tuple[str, str | None]:
        """The package's version, and why this worker cannot work, if so."""
        return __version__, self._problem

    async def work(self, item: Any) -> Any:
        """The result for one item."""
        if self._problem is not None:
            raise BackendFailure(f"the replacement of a lost worker cannot do the work: {self._problem}.")
        return await self._work(item)


class Fleet(Generic[Item, Result]):
    """Workers on a cluster for `concurrency` items at once. `start` must be picklable; it makes a worker's function.

    `folder` is where runs are written. Raises `MissingExtra` without Ray, `InputError` where a node does not see the
    working folder or `folder`, has another version, or cannot make the work.
    """

    def __init__(self, start: Callable[[], Work[Item, Result]], concurrency: int, folder: Path) -> None:
        self._cluster = Cluster("the engine 'ray'")
        free = max(0.1, self._cluster.free("CPU"))  # what the tools have reserved is not free
        self.workers = min(concurrency, max(1, int(free)))
        each = math.ceil(concurrency / self.workers)
        folder.mkdir(parents=True, exist_ok=True)
        self._seen = folder.resolve() / f"{OWN_FILES}seen-{secrets.token_hex(8)}"  # stays for replacement workers
        environment = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        self._arguments = (start, str(Path.cwd()), str(self._seen), environment)
        self._options = {"num_cpus": min(1.0, math.floor(free * 100) / 100), "max_concurrency": each + 1}
        self._actors: list[Any] = []
        self._busy: list[int] = []
        self._up: set[int] = set()
        self._starting: set[asyncio.Task[None]] = set()
        try:
            self._seen.touch()
            self._actors = [self._new() for _ in range(self.workers)]
            self._busy = [0] * self.workers
            self._check()
            self._up = set(range(self.workers))
        except BaseException:
            self.close()
            raise

    def _new(self) -> Any:
        return self._cluster.ray.remote(**self._options)(_Worker).remote(*self._arguments)

    def _check(self) -> None:
        try:
            reports = self._cluster.ray.get([actor.status.remote() for actor in self._actors], timeout=START_SECONDS)
        except self._cluster.ray.exceptions.RayError as error:
            raise BackendFailure(f"a worker on Ray could not be started: {_first_line(error)}") from error
        for version, problem in reports:
            if version != __version__:
                raise InputError(f"a node has canvasagent {version}, not {__version__}; install the same.")
            if problem is not None:
                raise InputError(f"a node of the cluster cannot do the work: {problem}.")

    async def __call__(self, item: Item) -> Result:
        """The result for `item`, from the least busy worker.

        Raises what the work raises, and `BackendFailure` after `LOSSES` lost workers.
        """
        errors = self._cluster.ray.exceptions
        for loss in range(1, LOSSES + 1):
            place = await self._place()
            actor = self._actors[place]
            self._busy[place] += 1
            try:
                result: Result = await actor.work.remote(item)
                return result
            except errors.RayTaskError as error:
                cause = error.cause
                raise (cause if isinstance(cause, CanvasAgentError) else error) from error
            except errors.RayError as error:
                self._replace(place, actor)
                if loss == LOSSES:
                    raise BackendFailure(f"{LOSSES} workers on Ray were lost in the middle of it.") from error
            finally:
                self._busy[place] -= 1
            await asyncio.sleep(0.2)  # until the operating system has released the lost process's lock
        raise AssertionError("unreachable")

    async def _place(self) -> int:
        """The least busy worker that is ready. Raises `BackendFailure` if none gets ready in time."""
        until = time.monotonic() + START_SECONDS
        while not self._up:
            if time.monotonic() > until:
                raise BackendFailure(f"all workers on Ray were lost, and none came in {START_SECONDS:g} s.")
            await asyncio.sleep(0.1)
        return min(self._up, key=self._busy.__getitem__)

    def _replace(self, place: int, lost: Any) -> None:
        """Start a worker in place of a lost one; it gets items once it is ready (its node may be gone, too)."""
        if self._actors[place] is not lost:
            return  # another episode of that worker has replaced it
        self._up.discard(place)
        self._actors[place] = self._new()
        self._starting.add(asyncio.create_task(self._await_ready(place)))

    async def _await_ready(self, place: int) -> None:
        try:
            await self._actors[place].status.remote()
            self._up.add(place)
        except self._cluster.ray.exceptions.RayError:
            await asyncio.sleep(1)
            self._actors[place] = self._new()
            self._starting.add(asyncio.create_task(self._await_ready(place)))

    def close(self) -> None:
        """End the workers. Unfinished episodes resume at the next start."""
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._cluster.ray.kill(actor)
        with contextlib.suppress(OSError):
            self._seen.unlink(missing_ok=True)
        self._cluster.close()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
