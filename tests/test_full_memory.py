"""Short of memory: models that are idle go first, then less is used, and in the end it is told."""

from __future__ import annotations

import threading

import pytest

from canvasagent.backends.full._loading import with_less
from canvasagent.backends.full._residents import Residents
from canvasagent.errors import BackendFailure
from canvasagent.weights.framework import is_out_of_memory
from full_models import torch


def full() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def test_errors_that_mean_too_little_memory() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("x")) and is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert not is_out_of_memory(RuntimeError("shapes do not match")) and not is_out_of_memory(ValueError("memory"))


def test_less_is_used_step_by_step_after_what_is_idle_has_gone() -> None:
    levels: list[int] = []
    idle = [True, True]

    def work(level: int) -> str:
        levels.append(level)
        if level < 2:
            full()
        return "done"

    assert with_less(work, 3, lambda: bool(idle) and idle.pop(), "a picture") == "done"
    assert levels == [0, 0, 0, 1, 2]


def test_what_never_fits_is_told_and_other_errors_pass() -> None:
    with pytest.raises(BackendFailure, match="memory does not suffice for a picture of 9 × 9"):
        with_less(lambda level: full(), 2, lambda: False, "a picture of 9 × 9")
    with pytest.raises(ZeroDivisionError):
        with_less(lambda level: 1 / 0, 2, lambda: False, "x")


def test_models_are_loaded_once_and_the_least_used_idle_one_goes() -> None:
    held, loads = Residents(), []

    def use(name: str, device: str = "a") -> None:
        with held.hold(name, device, lambda: loads.append(name) or name) as model:
            assert model == name

    for name in ("one", "two", "one", "three"):
        use(name)
    use("elsewhere", "b")
    assert loads == ["one", "two", "three", "elsewhere"] and len(held) == 4
    assert held.relieve("a")  # "two": used least recently
    use("one")
    assert loads.count("one") == 1
    use("two")
    assert loads.count("two") == 2
    assert held.relieve("b") and not held.relieve("b")
    held.clear()
    assert len(held) == 0


def test_a_model_stays_on_the_device_that_was_chosen_first() -> None:
    """Else the fullest card would be left for the emptiest, and the model loaded again, at every call."""
    held, free = Residents(), iter(["cuda:0", "cuda:1"])
    assert [held.device_for("one", lambda: next(free)) for _ in range(3)] == ["cuda:0"] * 3
    assert held.device_for("other", lambda: next(free)) == "cuda:1"


def test_a_model_in_use_stays_and_loading_makes_room() -> None:
    held, room = Residents(), [2]

    def load() -> str:
        if not room[0]:
            room[0] += 1  # what the next relief will free
            full()
        room[0] -= 1
        return "model"

    with held.hold("busy", "a", load):
        with held.hold("idle", "a", load):
            pass
        with held.hold("third", "a", load):
            assert len(held) == 2  # "idle" had to go, "busy" stays
        room[0] = -1
        with pytest.raises(torch.OutOfMemoryError), held.hold("huge", "a", full):
            pass
    assert held.relieve("a")


def test_one_caller_at_a_time_uses_a_model() -> None:
    held, inside, most = Residents(), [0], [0]

    def use() -> None:
        with held.hold("one", "a", object):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
