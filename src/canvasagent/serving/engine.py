"""What the server needs of whatever runs the tools. A `ToolBox` is an engine; one on a cluster can be another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset
from canvasagent.execution.calls import Execution
from canvasagent.tools.base import Tool
from canvasagent.tools.check import Checked


class Engine(Protocol):
    """Runs checked calls. Batching, placement and replicas are its own affair."""

    @property
    def profile(self) -> Profile:
        """What its tools are made of."""
        ...

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools that it has, by wire name."""
        ...

    @property
    def max_pixels(self) -> int:
        """What one result may hold."""
        ...

    async def prepare(self, tool: Tool) -> None:
        """Make `fingerprint` and `stochastic` known. Raises `BackendFailure` where the tool cannot be had."""
        ...

    def fingerprint(self, tool: Tool) -> str:
        """What tells its results of `tool` from another's."""
        ...

    def stochastic(self, tool: Tool) -> bool:
        """Whether results depend on the seed."""
        ...

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
        """Run a call; what goes wrong is in the result's `fault`. `seed`: the backend's own, not to be derived.

        Results of one `partition` are neither given to another, nor is any time saved by them there.
        When the caller gives up (is cancelled), a call that was not begun is not begun any more. `abandoned` is given
        the work that goes on, and keeps a worker busy, after the caller gave up or the time for a call was over.
        """
        ...

    def output_pixels(self, checked: Checked, assets: Mapping[str, Asset]) -> int:
        """How many pixels the result of a call will have; its tool must be prepared."""
        ...

    def is_brief(self, checked: Checked, assets: Mapping[str, Asset]) -> bool:
        """Whether a call takes about a millisecond, so that `call_here` may make it in the event loop's thread."""
        ...

    def call_here(
        self, checked: Checked, assets: Mapping[str, Asset], *, seed: int = 0, partition: str = ""
    ) -> Execution | None:
        """A brief call, made at once in this thread; None where it must be `call`ed after all."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...
