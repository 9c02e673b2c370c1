"""The work of a cluster's workers: requests of a batch, runs of an evaluation. Records are read from their folders."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path

from canvasagent.agent import Agent
from canvasagent.batch import Item, Result, run_item
from canvasagent.errors import CanvasAgentError
from canvasagent.evaluation.rows import Row
from canvasagent.record.trajectory import RECORD_NAME, Trajectory
from canvasagent.scale.fleet import Fleet

Order = tuple[Item, Path]
Runs = Callable[[str, str], Awaitable[Row]]
"""Runs a policy on a task and returns the row."""


class BatchFleet:
    """Runs the requests of a batch on a cluster. `make`: picklable, makes a worker's agent. Raises as `Fleet`."""

    def __init__(self, make: Callable[[], Agent], max_turns: int, concurrency: int, folder: Path) -> None:
        self.max_turns = max_turns
        self._fleet: Fleet[Order, None] = Fleet(functools.partial(_agent_at_work, make), concurrency, folder)

    async def __call__(self, item: Item, folder: Path) -> Result:
        """Run a request in its folder; errors are in the result."""
        try:
            await self._fleet((item, folder))
            return Result(item.id, await asyncio.to_thread(Trajectory.load, folder))
        except CanvasAgentError as error:
            return Result(item.id, None, error)

    def close(self) -> None:
        """End the workers."""
        self._fleet.close()


def _agent_at_work(make: Callable[[], Agent]) -> Callable[[Order], Awaitable[None]]:
    agent = make()

    async def work(order: Order) -> None:
        item, folder = order
        if (folder / RECORD_NAME).is_file():
            record = await asyncio.to_thread(Trajectory.load, folder)
            if record.status in ("met", "unmet"):
                return  # by a worker that was lost before it could say so
        await run_item(agent, item, folder)

    return work


def evaluate_on(make: Callable[[], Runs], concurrency: int, folder: Path) -> Fleet[tuple[str, str], Row]:
    """Workers that run and score: from (policy, task's id) to a row. `make`: picklable. Raises as `Fleet`."""
    return Fleet(functools.partial(_runs_at_work, make), concurrency, folder)


def _runs_at_work(make: Callable[[], Runs]) -> Callable[[tuple[str, str]], Awaitable[Row]]:
    run = make()

    async def work(asked: tuple[str, str]) -> Row:
        return await run(*asked)

    return work
