"""The engine on Ray: one actor a worker, on this machine or on the cluster that `RAY_ADDRESS` names."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic

from canvasagent.concurrency.stop_signals import handlers_kept
from canvasagent.craft.engines import LOOK_AHEAD, THREADS, Engine, Item, Result, single_threaded
from canvasagent.errors import BackendFailure, MissingExtra


def create(workers: int, start: Callable[[], Callable[[Item], Result]]) -> Engine[Item, Result]:
    """The engine. Raises `MissingExtra` where Ray is not installed."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("the engine 'ray'", "ray") from error
    return Actors(ray, workers, start)


class _Actor:
    """A worker: made once, works on one item after the other."""

    def __init__(self, start: Callable[[], Callable[[Any], Any]]) -> None:
        single_threaded()
        self._work = start()

    def work(self, item: Any) -> Any:
        """The result of one item."""
        return self._work(item)


class Actors(Generic[Item, Result]):
    """Actors of one core each. A Ray that runs already is joined and left running."""

    def __init__(self, ray: Any, workers: int, start: Callable[[], Callable[[Item], Result]]) -> None:
        self._ray = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # or a token is written into the home folder
            address = os.environ.get("RAY_ADDRESS")
            here = {} if address else {"num_cpus": workers}
            options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR", **here}
            with handlers_kept():
                ray.init(address=address, **options)
        environment = {"env_vars": dict.fromkeys(THREADS, "1")}
        actor = ray.remote(num_cpus=1, runtime_env=environment)(_Actor)
        self._actors = [actor.remote(start) for _ in range(workers)]

    def map(self, items: Iterable[Item]) -> Iterator[Result]:
        """The results, in order. Who has least to do gets the next item."""
        under_way: deque[tuple[Any, int]] = deque()
        waiting = [0] * len(self._actors)
        for item in items:
            place = min(range(len(waiting)), key=waiting.__getitem__)
            under_way.append((self._actors[place].work.remote(item), place))
            waiting[place] += 1
            if len(under_way) >= len(self._actors) * LOOK_AHEAD:
                yield self._taken(under_way, waiting)
        while under_way:
            yield self._taken(under_way, waiting)

    def _taken(self, under_way: deque[tuple[Any, int]], waiting: list[int]) -> Result:
        reference, _ = under_way.popleft()
        result = self._get(reference)
        finished, _ = (
            self._ray.wait([each for each, _ in under_way], num_returns=len(under_way), timeout=0)
            if under_way
            else ([], [])
        )
        done = set(finished)
        waiting[:] = [0] * len(waiting)
        for each, place in under_way:
            waiting[place] += each not in done
        return result

    def one(self, item: Item) -> Result:
        """A result out of turn."""
        return self._get(self._actors[0].work.remote(item))

    def _get(self, reference: Any) -> Result:
        try:
            result: Result = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            raise (cause if isinstance(cause, Exception) else error) from error
        except self._ray.exceptions.RayError as error:
            raise BackendFailure(f"a worker on Ray was lost: {str(error).splitlines()[0]}") from error
        return result

    def close(self) -> None:
        """End the actors, and Ray where it was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._ours:
            self._ray.shutdown()
