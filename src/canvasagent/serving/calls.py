"""A call from its JSON to its answer: checked like a policy's, queued and run, with its progress on request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from canvasagent.canvas import Asset
from canvasagent.endpoints.wire import split_id
from canvasagent.errors import BackendFailure
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.serving.engine import Engine
from canvasagent.serving.keys import Caller
from canvasagent.serving.metrics import Metrics
from canvasagent.serving.problems import ClientLeft, Problem
from canvasagent.serving.queueing import Turnstile
from canvasagent.serving.settings import ServerSettings
from canvasagent.serving.store import Store, kept_bytes
from canvasagent.tools.base import AssetInfo, Tool
from canvasagent.tools.check import Checked, check_call

SEED_LIMIT = 2**31
Work = asyncio.Future[dict[str, Any]]
"""A call in progress or done."""


class CallRequest(BaseModel):
    """The body of a call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    arguments: dict[str, Any]
    """The tool's arguments; those that name pictures hold ids."""
    seed: int = Field(default=0, ge=0, lt=SEED_LIMIT)
    """The same seed gives the same result."""
    backend: str | None = Field(default=None, max_length=500)
    """The expected backend, as listed by `/v1/tools`; if it is another one, the answer is 409."""


@dataclass
class Progress:
    """The state of a call."""

    state: str = "queued"
    since: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Set the state: the call has left the queue."""
        self.state, self.since = "running", time.monotonic()


@dataclass(frozen=True)
class Calls:
    """Checks, queues and runs calls."""

    engine: Engine
    settings: ServerSettings
    store: Store
    turnstile: Turnstile
    metrics: Metrics

    async def begin(self, caller: Caller, tool: Tool, body: bytes, progress: Progress) -> Work:
        """The call as a future of the answer or of a `Problem`. Raises `Problem` for a call that cannot begin.

        A brief call is run at once, since queueing it would take longer than running it; its future is done.
        """
        asked = _parse(body)
        checked, assets = self._check(caller, tool, asked)
        await self._prepare(tool, asked.backend)
        pixels = sum(asset.picture.width * asset.picture.height for asset in assets.values())
        brief = self.engine.is_brief(checked, assets)
        # A backend may have to parse a prompt to know the size, which would block the event loop.
        made = (
            self.engine.output_pixels(checked, assets)
            if brief
            else await run_in_threadpool(self.engine.output_pixels, checked, assets)
        )
        self._check_room(caller, tool, made)
        caller.take_call()
        if not brief:
            self.turnstile.check()
        caller.take_pixels(pixels + made)
        if brief and (ended := self._made_here(caller, checked, assets, asked.seed)) is not None:
            return ended
        caller.calls += 1
        task = asyncio.create_task(self._run(caller, checked, assets, asked.seed, progress))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its client may have left
        return task

    def _made_here(self, caller: Caller, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Work | None:
        if (execution := self.engine.call_here(checked, assets, seed=seed, partition=caller.partition)) is None:
            return None
        self.metrics.seconds.labels(checked.tool.name).observe(execution.seconds)
        self.metrics.calls.labels(checked.tool.name, _end(execution)).inc()
        ended: Work = asyncio.get_running_loop().create_future()
        ended.set_result(self._answer(caller, execution))
        return ended

    def _check(self, caller: Caller, tool: Tool, asked: CallRequest) -> tuple[Checked, dict[str, Asset]]:
        """Look up the pictures and check the call against the tool's definition."""
        held: dict[str, Asset] = {}
        missing: list[str] = []
        for one in tool.named(asked.arguments):
            if split_id(one.value) is None:
                continue  # `check_call` below reports what is wrong with it
            asset = self.store.get(caller.name, str(one.value))
            if asset is None:
                missing.append(str(one.value))
            else:
                held[asset.id] = asset
        if missing:
            raise Problem(404, "unknown_picture", "upload these pictures first.", missing=missing)
        infos = {name: AssetInfo(name, asset.kind, asset.size) for name, asset in held.items()}
        checked = check_call(tool, asked.arguments, infos, inputs=0)
        if checked.faults:
            faults = [{"stage": fault.stage.value, "message": fault.message} for fault in checked.faults]
            raise Problem(422, "invalid", faults[0]["message"], faults=faults)
        return checked, {argument: held[name] for argument, name in checked.assets.items()}

    def _check_room(self, caller: Caller, tool: Tool, pixels: int) -> None:
        """Raise `Problem` 422 for a call whose result would not fit into the store."""
        size, room = kept_bytes(pixels), self.store.limit(caller.quota.stored_bytes)
        if size > room:
            words = f"{tool.name} would make a picture of {pixels:,} pixels, {size:,} bytes of memory; the limit is"
            name = self.store.limit_name(caller.quota.stored_bytes)
            advice = "Crop it or use a smaller picture first."
            raise Problem(422, "refused", f"{words} {room:,}, for {name}. {advice}")

    async def _prepare(self, tool: Tool, expected: str | None) -> None:
        try:
            await self.engine.prepare(tool)
        except BackendFailure as error:
            raise Problem(503, "backend_failure", str(error)) from error
        backend = self.engine.fingerprint(tool)
        if expected is not None and expected != backend:
            raise Problem(409, "other_backend", f"{tool.name} is run by {backend} here.", backend=backend)

    async def _run(
        self, caller: Caller, checked: Checked, assets: Mapping[str, Asset], seed: int, progress: Progress
    ) -> dict[str, Any]:
        turn, end = None, "left"
        try:
            async with self.turnstile.turn(caller.name) as turn:
                progress.run()
                execution = await self.engine.call(
                    checked, assets, seed=seed, partition=caller.partition, abandoned=turn.abandon
                )
                end = _end(execution)
                self.turnstile.took(execution.seconds)
                self.metrics.seconds.labels(checked.tool.name).observe(execution.seconds)
            return self._answer(caller, execution)
        except Problem:
            end = "failed" if end == "left" else end  # it never left the queue
            raise
        finally:
            caller.end_call(turn.abandoned if turn is not None else None)
            self.metrics.calls.labels(checked.tool.name, end).inc()

    def _answer(self, caller: Caller, execution: Execution) -> dict[str, Any]:
        fault, outcome = execution.fault, execution.outcome
        if fault is not None and execution.timed_out:
            limit = f"The time limit of a call here is {self.settings.call_timeout:g} s (--call-timeout)."
            raise Problem(504, "call_timeout", f"{fault.message} {limit}")
        if fault is not None and fault.stage is Stage.INFRASTRUCTURE:
            raise Problem(503, "backend_failure", fault.message)
        if fault is not None or outcome is None:
            raise Problem(422, "refused", fault.message if fault is not None else "no result.")
        picture = None
        if outcome.picture is not None:
            asset = self.store.put(caller.name, outcome.kind, execution.key, outcome.picture, caller.quota.stored_bytes)
            picture = {"id": asset.id, "kind": asset.kind.value, "size": list(asset.size)}
        return {
            "text": outcome.text,
            "words": outcome.words,
            "data": outcome.data,
            "picture": picture,
            "seed": execution.seed,
            "backend": execution.backend,
            "cached": execution.cached,
            "seconds": round(execution.seconds, 6),
        }

    async def follow(self, task: Work, progress: Progress) -> AsyncIterator[dict[str, Any]]:
        """Events of a call: its state at regular intervals, then how it ended."""
        while True:
            done, _ = await asyncio.wait({task}, timeout=self.settings.progress_seconds)
            if done:
                break
            event: dict[str, Any] = {"event": progress.state, "seconds": round(time.monotonic() - progress.since, 3)}
            yield {**event, "waiting": self.turnstile.waiting} if progress.state == "queued" else event
        try:
            yield {"event": "done", "result": task.result()}
        except Problem as problem:
            yield {"event": "failed", "status": problem.status, **problem.payload()}


async def settled(task: Work, gone: asyncio.Task[None], seconds: float | None) -> bool:
    """Wait at most `seconds` for the call. Returns whether it ended. Raises `ClientLeft` if the client left first."""
    both: set[asyncio.Future[Any]] = {task, gone}
    done, _ = await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if gone in done and task not in done:
        raise ClientLeft
    return task in done


def _end(execution: Execution) -> str:
    if execution.fault is None:
        return "cached" if execution.cached else "done"
    if execution.timed_out:
        return "timeout"
    return "failed" if execution.fault.stage is Stage.INFRASTRUCTURE else "refused"


def _parse(body: bytes) -> CallRequest:
    try:
        return CallRequest.model_validate(json.loads(body))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Problem(400, "bad_request", f"{where or 'the body'}: {problem['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad_request", "the body is not valid JSON.") from error
