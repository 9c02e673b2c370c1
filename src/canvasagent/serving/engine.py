"""The interface between the server and what runs the tools: a `ToolBox`, or one on a cluster."""

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
    """Runs checked calls; batching, placement and replicas are up to the engine."""

    @property
    def profile(self) -> Profile:
        """The profile of its tools."""
        ...

    @property
    def tools(self) -> Mapping[str, Tool]:
        """Its tools, by wire name."""
        ...

    @property
    def max_pixels(self) -> int:
        """Most pixels of one result."""
        ...

    async def prepare(self, tool: Tool) -> None:
        """Load what `fingerprint` and `stochastic` need. Raises `BackendFailure` for an unavailable tool."""
        ...

    def fingerprint(self, tool: Tool) -> str:
        """Identifies the backend of `tool` and its version; equal fingerprints give equal results."""
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
        """Run a call; errors are in the result's `fault`. `seed` is the backend's seed itself; None: derive it.

        Cached results of one `partition` are neither returned in another one, nor can their presence be timed there.
        If the caller is cancelled, a call that has not begun never begins. `abandoned` gets the future of work that
        still keeps a worker busy after the caller was cancelled or the time limit was reached.
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
        """Run a brief call in this thread. Returns None if it must go through `call` after all."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...
