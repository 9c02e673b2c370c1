"""The engine of one machine: this process where there is one worker, else worker processes."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic

import cv2

from canvasagent.concurrency.stop_signals import leave_stops_to_parent
from canvasagent.craft.engines import LOOK_AHEAD, THREADS, Engine, Item, Result, single_threaded
from canvasagent.errors import BackendFailure

Start = Callable[[], Callable[[Item], Result]]


def create(workers: int, start: Start[Item, Result]) -> Engine[Item, Result]:
    """The engine: worker processes where there is more than one worker."""
    return InProcess(start) if workers == 1 else Workers(workers, start)


class InProcess(Generic[Item, Result]):
    """Processes one item after the other in this process."""

    def __init__(self, start: Start[Item, Result]) -> None:
        self._threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        self.one = start()

    def map(self, items: Iterable[Item]) -> Iterator[Result]:
        """The results, in order."""
        yield from map(self.one, items)

    def close(self) -> None:
        """Let the worker go."""
        cv2.setNumThreads(self._threads)
        if (close := getattr(self.one, "close", None)) is not None:
            close()


_worker: Callable[[Any], Any] | None = None
"""What works on items in a worker process."""


def _begin(start: Start[Any, Any]) -> None:
    """Make a worker process ready."""
    global _worker
    leave_stops_to_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    single_threaded()
    _worker = start()


def _end_with_parent() -> None:
    """End this process when its parent was killed, since it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(item: Any) -> Any:
    assert _worker is not None
    return _worker(item)


class Workers(Generic[Item, Result]):
    """Worker processes, started by `spawn`, so that they inherit no state."""

    def __init__(self, workers: int, start: Start[Item, Result]) -> None:
        self.workers = workers
        with _environment():  # libraries read it when a worker loads them
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, context, _begin, (start,))
            try:
                for future in [self._pool.submit(os.getpid) for _ in range(workers)]:
                    with _worker_failures():
                        future.result()
            except BaseException:
                self.close()
                raise

    def map(self, items: Iterable[Item]) -> Iterator[Result]:
        """The results, in order; a few items ahead of the first that is not taken."""
        under_way: deque[Future[Result]] = deque()
        with _worker_failures():
            for item in items:
                under_way.append(self._pool.submit(_work, item))
                if len(under_way) >= self.workers * LOOK_AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

    def one(self, item: Item) -> Result:
        """A result out of turn."""
        with _worker_failures():
            result: Result = self._pool.submit(_work, item).result()
        return result

    def close(self) -> None:
        """End the workers, also in the middle of an item."""
        processes = list((self._pool._processes or {}).values())
        manager: Any = self._pool._executor_manager_thread
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()  # they ignore SIGTERM
        for process in processes:
            process.join(5)
        if manager is not None:
            manager.join(5)
        # A command that was stopped leaves without the interpreter's own end, which would free the pool's semaphores.
        del self._pool
        gc.collect()


@contextlib.contextmanager
def _worker_failures() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise BackendFailure("a worker process died (out of memory, or killed).") from error


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """The environment of single-threaded libraries, for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
