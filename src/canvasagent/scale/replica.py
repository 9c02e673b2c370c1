"""One copy of a tool on a cluster: a process with a tool box of that tool alone, and its part of a card.

Tools that share their weights are in one copy together.
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
    """What a copy says of itself."""

    version: str
    """Of the package on its node."""
    fingerprint: str = ""
    stochastic: bool = False
    large: tuple[int, str] | None = None
    lacks: str = ""
    """Why it cannot work: weights that are not on its node, say."""


class Replica:
    """Carries out calls of its tools, `at_once` of them at a time; a backend that batches makes batches of them."""

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
        """Ray asks this now and then. A copy whose threads are all stuck in calls that took too long is replaced."""
        self._stuck = [work for work in self._stuck if not work.done()]
        if len(self._stuck) >= self._at_once:
            raise RuntimeError(f"all {self._at_once} threads are stuck in calls that do not end")

    async def tell(self, name: str) -> ReplicaInfo:
        """What tells the results of a tool from another's, or why there will be none."""
        tool = self._box.tools[name]
        try:
            await self._box.prepare(tool)
            return ReplicaInfo(
                __version__, self._box.fingerprint(tool), self._box.stochastic(tool), self._box.large(tool)
            )
        except (BackendFailure, CanvasAgentError) as error:
            return ReplicaInfo(__version__, lacks=str(error))

    async def call(self, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Execution:
        """A call, with whatever went wrong in its `fault`.

        It shares nothing with calls that are alike: who asks shares those that may be shared.
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
