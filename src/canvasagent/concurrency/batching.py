"""Micro-batching inside one process: calls that arrive close together, from any thread, run as one batch.

There is no thread of its own: one of the callers that wait leads a batch, and the others get their results from
it. The batch is always that of the caller who has waited longest, with everyone whose key is the same, so that a
steady stream of one kind never keeps another kind waiting. Who comes while a batch runs is in a following one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Slot(Generic[Item, Result]):
    """A waiting call."""

    item: Item
    key: Hashable
    arrived: float = field(default_factory=time.monotonic)
    done: bool = False
    result: Result | None = None
    error: BaseException | None = None


class MicroBatcher(Generic[Item, Result]):
    """Turns calls into batches: `work` gets the items of one batch and gives their results in the same order.

    `size` is how many a batch may hold; `wait` how many seconds the first of a batch waits for others. Only one
    batch runs at a time. Where a batch of several fails its items are worked on one by one, so that one call's
    bad input fails that call only.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], size: int = 8, wait: float = 0.005) -> None:
        self._work, self._size, self._wait = work, max(1, size), wait
        self._changed = threading.Condition()
        self._waiting: list[_Slot[Item, Result]] = []
        self._led = False
        self.sizes: Counter[int] = Counter()
        """Number of batches by size."""

    def __call__(self, item: Item, key: Hashable = None) -> Result:
        """The result for `item`, which may share a batch with calls of the same `key`. Raises what `work` raises."""
        slot: _Slot[Item, Result] = _Slot(item, key)
        with self._changed:
            self._waiting.append(slot)
            self._changed.notify_all()
        # A leader may run batches of other keys first, until its own call is in one.
        while not slot.done:
            batch = self._gather(slot)
            if batch:
                self._carry_out(batch)
        if slot.error is not None:
            raise slot.error
        return slot.result  # type: ignore[return-value]

    def _gather(self, slot: _Slot[Item, Result]) -> list[_Slot[Item, Result]]:
        """Wait until `slot` is done (an empty list), or until it is this caller's turn to lead a batch."""
        with self._changed:
            while self._led and not slot.done:
                self._changed.wait()
            if slot.done:
                return []
            self._led = True
            try:
                return self._take()
            except BaseException:  # an interrupt while waiting: the others must go on without this caller
                self._led = False
                self._waiting.remove(slot)
                self._changed.notify_all()
                raise

    def _take(self) -> list[_Slot[Item, Result]]:
        """The batch of the longest waiting call, once it is full or its time is over."""
        oldest = self._waiting[0]
        while len(batch := self._fellows(oldest)) < self._size:
            left = oldest.arrived + self._wait - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(left)
        for member in batch:
            self._waiting.remove(member)
        self.sizes[len(batch)] += 1
        return batch

    def _fellows(self, oldest: _Slot[Item, Result]) -> list[_Slot[Item, Result]]:
        """The calls that can share a batch with the longest waiting one, in order of arrival."""
        return [slot for slot in self._waiting if slot.key == oldest.key][: self._size]

    def _carry_out(self, batch: list[_Slot[Item, Result]]) -> None:
        try:
            self._run(batch)
        finally:
            with self._changed:
                self._led = False
                for slot in batch:
                    slot.done = True
                self._changed.notify_all()

    def _run(self, batch: list[_Slot[Item, Result]]) -> None:
        try:
            results = self._work([slot.item for slot in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"a batch of {len(batch)} gave {len(results)} results")
            for slot, result in zip(batch, results, strict=True):
                slot.result = result
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for slot in batch:
                self._run([slot])
        except BaseException as error:
            for slot in batch:
                slot.error = error
            raise
