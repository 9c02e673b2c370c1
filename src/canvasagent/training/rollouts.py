"""Episodes whose turns a trainer writes, many at a time, with tools that run together.

Each episode is a run of the `Agent` as a user starts it, with a policy that waits until the trainer has written its
turn. The trainer asks for the episodes that wait, writes all their turns as one batch, and hands these in; then all
the tools that the turns call run at the same time, on an event loop of their own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from canvasagent.agent import Agent
from canvasagent.endpoints.settings import Usage
from canvasagent.environment import Limits
from canvasagent.errors import CanvasAgentError, OutOfContext
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.record.trajectory import Trajectory
from canvasagent.task import Task

T = TypeVar("T")


@dataclass(frozen=True)
class Episode:
    """An episode to run."""

    task: Task
    seed: int
    """Seed of the run: equal calls of episodes with equal seeds share the toolbox's cache."""
    run_dir: Path | None = None
    """Folder for its record and report; None: they are not written."""


@dataclass(frozen=True)
class Waiting:
    """An episode that waits for its next turn."""

    index: int
    """Its position among the episodes of the batch."""
    messages: Sequence[Message]


@dataclass(frozen=True)
class WrittenTurn:
    """A turn as the trainer wrote it."""

    text: str
    tokens: int
    """Number of generated tokens."""


class _Batch:
    """The episodes under way. All of it runs on the event loop."""

    def __init__(self, running: int) -> None:
        self._busy = running
        self._idle = asyncio.Event()
        self._futures: dict[int, asyncio.Future[Reply]] = {}
        self._waiting: dict[int, Waiting] = {}
        if not running:
            self._idle.set()

    async def next_turn(self, index: int, messages: Sequence[Message]) -> Reply:
        """Wait for the trainer's turn. Raises `OutOfContext` where it has no room for one."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._futures[index], self._waiting[index] = future, Waiting(index, messages)
        self.rest()
        return await future

    def rest(self) -> None:
        """Note that an episode waits or has ended."""
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    async def waiting(self) -> list[Waiting]:
        """The episodes that wait, once all wait or have ended."""
        await self._idle.wait()
        return [self._waiting[index] for index in sorted(self._waiting)]

    async def answer(self, turns: Mapping[int, WrittenTurn | OutOfContext]) -> None:
        """Hand in turns; their episodes go on."""
        self._busy += len(turns)
        self._idle.clear()
        for index, turn in turns.items():
            del self._waiting[index]
            future = self._futures.pop(index)
            if isinstance(turn, OutOfContext):
                future.set_exception(turn)
            else:
                future.set_result(Reply(turn.text, Usage(output_tokens=turn.tokens)))


class _TrainedPolicy:
    """The policy of one episode: its turns are the trainer's."""

    def __init__(self, name: str, index: int, batch: _Batch) -> None:
        self.name = name
        self._index, self._batch = index, batch

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The trainer's next turn."""
        return await self._batch.next_turn(self._index, messages)


class Rollouts:
    """Runs batches of episodes for a trainer. One batch at a time; close it, or use it in a `with` statement."""

    def __init__(self, toolbox: ToolBox, limits: Limits, policy_name: str) -> None:
        self.toolbox, self.limits, self.policy_name = toolbox, limits, policy_name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="canvasagent-rollouts", daemon=True)
        self._thread.start()
        self._batch: _Batch | None = None
        self._runs: list[asyncio.Task[Trajectory | CanvasAgentError]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, episodes: Sequence[Episode]) -> None:
        """Start a batch. An earlier one that has not ended is cancelled."""
        self._do(self._begin(episodes))

    def waiting(self) -> list[Waiting]:
        """The episodes that wait for a turn, once every tool call has ended; none where all have ended."""
        return self._do(self._of_batch().waiting())

    def answer(self, turns: Mapping[int, WrittenTurn | OutOfContext]) -> None:
        """Hand in the turns of waiting episodes by index; `OutOfContext` truncates one."""
        self._do(self._of_batch().answer(turns))

    def ended(self) -> list[Trajectory | CanvasAgentError]:
        """The records of all episodes in order, once they have ended; the error where one could not begin.

        Raises what is not an error of the family: a fault of this package.
        """
        return self._do(self._ended())

    def close(self) -> None:
        """Cancel what is under way and end the event loop's thread."""
        if self._thread.is_alive():
            self._do(self._cancel())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _of_batch(self) -> _Batch:
        if self._batch is None:
            raise RuntimeError("no batch of episodes was begun")
        return self._batch

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self, episodes: Sequence[Episode]) -> None:
        await self._cancel()
        batch = self._batch = _Batch(len(episodes))
        self._runs = [asyncio.create_task(self._run(batch, *one)) for one in enumerate(episodes)]

    async def _run(self, batch: _Batch, index: int, episode: Episode) -> Trajectory | CanvasAgentError:
        try:
            agent = Agent(_TrainedPolicy(self.policy_name, index, batch), self.toolbox, limits=self.limits)
            return await agent.arun(episode.task, seed=episode.seed, run_dir=episode.run_dir)
        except CanvasAgentError as error:
            return error
        finally:
            batch.rest()

    async def _ended(self) -> list[Trajectory | CanvasAgentError]:
        return list(await asyncio.gather(*self._runs))

    async def _cancel(self) -> None:
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        self._runs = []
