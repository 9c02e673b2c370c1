"""Requests to the agent that run while the client does something else: hosts end calls after a minute or a few."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.agent import Agent
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.mcp_server.access import shown
from canvasagent.record.events import Event
from canvasagent.record.run_folder import new_run_id
from canvasagent.record.trajectory import Trajectory
from canvasagent.storage.names import path_below

MOST_RUNNING = 4
"""Most requests at once; a further one is refused."""
MOST_KEPT = 200
"""Most finished requests that are remembered; their folders stay."""

Progress = Callable[[int, str], Awaitable[None]]
"""Is given the number of finished turns and what happened last."""


@dataclass
class Request:
    """A request and what is known of it."""

    id: str
    folder: Path
    record: Trajectory | None = None
    status: str = "running"
    error: str | None = None
    turns: int = 0
    last: str = "started"
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    picture: str | None = None
    """Id of the result, once it has been handed out."""


class Requests:
    """The requests of a server, by id."""

    def __init__(self, agent: Agent, folder: Path) -> None:
        self._agent, self._folder = agent, folder
        self._requests: dict[str, Request] = {}

    def start(self, instruction: str, images: Sequence[Image.Image], seed: int) -> Request:
        """Start a request. Raises `InputError` for too many at once."""
        running = [one.id for one in self._requests.values() if one.status == "running"]
        if len(running) >= MOST_RUNNING:
            raise InputError(f"{len(running)} requests are running; wait for one or cancel it: {', '.join(running)}.")
        name = new_run_id()
        request = self._requests[name] = Request(name, path_below(self._folder, name))
        request.task = asyncio.create_task(self._run(request, instruction, images, seed))
        for old in [one.id for one in self._requests.values() if one.status != "running"][:-MOST_KEPT]:
            del self._requests[old]
        return request

    def find(self, name: object) -> Request:
        """The request of that id. Raises `InputError` that lists the ids there are."""
        request = self._requests.get(name) if isinstance(name, str) else None
        if request is None:
            known = ", ".join(self._requests) or "none yet; call start_request"
            raise InputError(f"there is no request {shown(str(name))}; there are: {known}.")
        return request

    async def wait(self, request: Request, seconds: float, progress: Progress) -> None:
        """Wait until the request is finished or the time is over; tell each turn."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while request.status == "running":
                    request.changed.clear()
                    await request.changed.wait()
                    await progress(request.turns, request.last)

    async def cancel(self, request: Request) -> None:
        """Stop the request; what it has made so far stays in its folder."""
        if request.task is not None and not request.task.done():
            request.task.cancel()
            await asyncio.wait([request.task])

    async def close(self) -> None:
        """Stop all requests."""
        for request in self._requests.values():
            await self.cancel(request)

    async def _run(self, request: Request, instruction: str, images: Sequence[Image.Image], seed: int) -> None:
        def tell(event: Event) -> None:
            request.record = event.trajectory
            if event.turn is not None:
                request.turns = len(event.trajectory.turns)
                request.last = f"turn {request.turns}: {(event.turn.observation or 'the end')[:200]}"
                request.changed.set()

        try:
            request.record = await self._agent.arun(
                instruction, images, seed=seed, run_dir=request.folder, listener=tell
            )
            request.status, request.error = request.record.status, request.record.why
        except asyncio.CancelledError:
            request.status = "cancelled"
        except CanvasAgentError as error:
            request.status, request.error = "failed", str(error)
        except Exception as error:
            request.status, request.error = "failed", f"a fault in canvasagent: {type(error).__name__}: {error}"
        finally:
            request.changed.set()


def facts(request: Request) -> dict[str, Any]:
    """What a client is told of a request."""
    record = request.record
    done = record is not None and request.status != "running"
    answer = record.answer.text if record is not None and record.answer is not None and done else None
    unmet = list(record.unmet) if record is not None and done else []
    words = [f"Request {request.id}: {request.status}, turns: {request.turns}."]
    words += [f"Last: {request.last}"] if request.status == "running" else []
    words += [f"Answer: {answer}"] if answer else []
    words += [f"Not done: {', '.join(unmet)}."] if unmet else []
    words += [f"Why: {request.error}"] if request.error else []
    return {
        "request": request.id,
        "status": request.status,
        "turns": request.turns,
        "text": " ".join(words),
        "answer": answer,
        "unmet": unmet,
        "folder": str(request.folder) if request.folder.exists() else None,
    }
