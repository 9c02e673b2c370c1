"""One replica of a tool on a cluster: a process with a tool box of that tool alone, and its fraction of a GPU.

Tools that share their weights share a replica.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset
from canvasagent.errors import BackendFailure, CanvasAgentError
from canvasagent.execution.cache import Cache
from canvasagent.execution.calls import Execution
from canvasagent.execution.toolbox import ToolBox
from canvasagent.tools.check import Checked
from canvasagent.version import __version__


@dataclass(frozen=True)
class ReplicaInfo:
    """Version and state of a replica."""

    version: str
    """Version of the package on its node."""
    fingerprint: str = ""
    stochastic: bool = False
    large: tuple[int, str] | None = None
    lacks: str = ""
    """Why it cannot work, for instance weights that are missing on its node."""


class Replica:
    """Runs calls of its tools, `at_once` at a time, which a backend may batch."""

    def __init__(self, profile: Profile, at_once: int, max_pixels: int, call_seconds: float) -> None:
        """`profile` has its tools only. Results are kept by who asks, not here."""
        self._box = ToolBox(
            profile,
            cache=Cache(0),
            workers=at_once,
            max_pixels=max_pixels,
            call_seconds=call_seconds,
            waiting_call_seconds=call_seconds,
        )
        self._at_once = at_once
        self._stuck: list[Future[Any]] = []

    def check_health(self) -> None:
        """Called by Ray at intervals: a replica whose threads are all stuck is replaced."""
        self._stuck = [work for work in self._stuck if not work.done()]
        if len(self._stuck) >= self._at_once:
            raise RuntimeError(f"all {self._at_once} threads are stuck in calls that do not end")

    async def info(self, name: str) -> ReplicaInfo:
        """The tool's fingerprint, or why it cannot work."""
        tool = self._box.tools[name]
        try:
            await self._box.prepare(tool)
            return ReplicaInfo(
                __version__, self._box.fingerprint(tool), self._box.stochastic(tool), self._box.large(tool)
            )
        except (BackendFailure, CanvasAgentError) as error:
            return ReplicaInfo(__version__, lacks=str(error))

    async def call(self, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Execution:
        """Run a call; errors are in its `fault`.

        Nothing is cached here; the caller's cache decides which equal calls share a result.
        """
        abandoned: list[Future[Any]] = []
        execution = await self._box.call(
            checked, assets, seed=seed, partition=secrets.token_hex(8), abandoned=abandoned.append
        )
        if execution.timed_out:
            self._stuck += abandoned
        return execution


class Directory:
    """The root of the application, which binds the tools into one; calls go to the tools themselves."""

    def __init__(self, **deployments: object) -> None:
        self._names = sorted(deployments)

    def __call__(self) -> list[str]:
        """The deployments that there are."""
        return self._names
