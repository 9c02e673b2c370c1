"""Coroutines for synchronous callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_sync(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, in a thread of its own where an event loop is running already (notebooks).

    An interrupt (Ctrl-C) cancels the work and waits until it has put things in order.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: Future[Result] = Future()
    runner = asyncio.Runner()
    loop = runner.get_loop()
    task = loop.create_task(work)
    thread = threading.Thread(target=_run_task, args=(runner, task, outcome), name="canvasagent-run")
    thread.start()
    try:
        return outcome.result()
    finally:
        if not outcome.done():
            loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _run_task(runner: asyncio.Runner, task: asyncio.Task[Result], outcome: Future[Result]) -> None:
    async def wait() -> Result:
        return await task

    with runner:
        try:
            outcome.set_result(runner.run(wait()))
        except BaseException as error:
            outcome.set_exception(error)
