"""Engines that process items: in this process or worker processes (`local`), or on Ray (`ray`).

All give results in the order of the items, and look ahead no further than a few items a worker, so memory does not
grow with their number. What a worker is, is the caller's: `start` makes it, once in each process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from canvasagent.errors import InputError
from canvasagent.plugins import Kind, modules_in

Item = TypeVar("Item")
Result = TypeVar("Result")
_Item = TypeVar("_Item", contravariant=True)
_Result = TypeVar("_Result", covariant=True)

ENGINES = Kind(
    noun="engine",
    modules=lambda: modules_in(__name__),
    attribute="create",
    shape="a function create(workers, start) -> Engine",
    takes_files=False,
)

LOOK_AHEAD = 4
"""Most items per worker that are begun ahead of the results."""


class Engine(Protocol[_Item, _Result]):
    """Works on items. A worker that dies raises `BackendFailure`; an error of the work itself is raised as it is."""

    def map(self, items: Iterable[_Item]) -> Iterator[_Result]:
        """The results, in the order of the items."""
        ...

    def one(self, item: _Item) -> _Result:
        """A single result, out of turn; may be called while `map` is under way."""
        ...

    def close(self) -> None:
        """End the workers; unfinished items are dropped."""
        ...


def engine_names() -> list[str]:
    """What `--engine` takes."""
    return ENGINES.names()


@contextlib.contextmanager
def open_engine(
    name: str, workers: int, start: Callable[[], Callable[[Item], Result]]
) -> Iterator[Engine[Item, Result]]:
    """An engine for as long as the context lasts. `start` must be picklable and makes what works on one item.

    Raises `InputError` for an unknown name, `MissingExtra` where the engine is not installed.
    """
    create = ENGINES.load(name)
    if workers < 1:
        raise InputError(f"{workers} workers: give at least 1.")
    engine: Engine[Item, Result] = create(workers, start)
    try:
        yield engine
    finally:
        engine.close()


THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Environment variables by which libraries choose their number of threads when they are loaded."""


def single_threaded() -> None:
    """One thread for each library in this process, so that workers do not get in each other's way.

    Results do not depend on it: it is a matter of speed.
    """
    import cv2

    for name in THREADS:
        os.environ[name] = "1"
    cv2.setNumThreads(1)
