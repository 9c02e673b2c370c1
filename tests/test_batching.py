"""Micro-batching: what comes together runs together, nobody starves, one bad item harms nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from canvasagent.concurrency.batching import MicroBatcher


class Recorder:
    """Doubles numbers, and remembers the batches; 13 cannot be doubled."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list[int]] = []
        self.seconds = seconds
        self.inside = 0

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.inside += 1
        assert self.inside == 1, "two batches at once"
        self.batches.append(list(items))
        time.sleep(self.seconds)
        self.inside -= 1
        if 13 in items:
            raise ValueError("13 is bad luck")
        return [2 * item for item in items]


def test_calls_that_come_together_share_a_batch_and_get_their_own_results() -> None:
    work = Recorder()
    batcher = MicroBatcher(work, size=4, wait=30.0)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(batcher, range(8))) == [2 * number for number in range(8)]
    assert sorted(len(batch) for batch in work.batches) == [4, 4] and batcher.sizes == {4: 2}


def test_a_lone_call_waits_no_longer_than_it_must() -> None:
    lone = MicroBatcher(Recorder(), size=8, wait=0.02)
    assert lone(3) == 6  # it does not wait for seven others
    full = MicroBatcher(Recorder(), size=1, wait=60.0)
    assert full(3) == 6  # a batch that is full waits for nobody


def test_only_equal_keys_share_a_batch() -> None:
    work = Recorder()
    batcher = MicroBatcher(work, size=8, wait=0.1)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: batcher(number, number % 2), range(6)))
    assert all(len({number % 2 for number in batch}) == 1 for batch in work.batches)
    assert sum(map(len, work.batches)) == 6


def test_a_late_comer_of_another_kind_is_served_next_however_many_of_the_first_kind_keep_coming() -> None:
    work = Recorder(seconds=0.03)
    batcher = MicroBatcher(work, size=2, wait=0.0)
    stop = threading.Event()

    def stream(number: int) -> None:
        while not stop.is_set():
            batcher(number, "stream")

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    before = len(work.batches)
    batcher(99, "late")
    after = next(index for index, batch in enumerate(work.batches) if 99 in batch)
    stop.set()
    for thread in threads:
        thread.join()
    # At most the batch that runs, and those of the two that already wait, come before it.
    assert after - before <= 3


def test_one_bad_item_fails_its_own_call_only() -> None:
    batcher = MicroBatcher(Recorder(), size=3, wait=0.2)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(batcher, number) for number in (1, 13, 2)]
        assert futures[0].result() == 2 and futures[2].result() == 4
        with pytest.raises(ValueError, match="bad luck"):
            futures[1].result()
    assert batcher(5) == 10


def test_work_that_loses_results_is_told() -> None:
    batcher: MicroBatcher[int, int] = MicroBatcher(lambda items: [], size=2, wait=0.0)
    with pytest.raises(RuntimeError, match="gave 0 results"):
        batcher(1)


def test_an_interrupt_reaches_all_and_leaves_the_batcher_usable() -> None:
    stopped = iter([True])

    def work(items: Sequence[int]) -> list[int]:
        if next(stopped, False):
            raise KeyboardInterrupt
        return list(items)

    batcher = MicroBatcher(work, size=2, wait=0.0)
    with pytest.raises(KeyboardInterrupt):
        batcher(1)
    assert batcher(2) == 2
