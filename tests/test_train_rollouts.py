"""Episodes whose turns a trainer writes: the same as the agent's, and their tools run together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from canvasagent import Agent, Task, ToolBox
from canvasagent.environment import Limits
from canvasagent.errors import CanvasAgentError, InputError, OutOfContext
from canvasagent.record.trajectory import Trajectory
from canvasagent.training.rollouts import Episode, Rollouts, WrittenTurn
from helpers import ListPolicy, call, end, photo

TURNS = (call("Flip", image="img_1"), call("Crop", image="Flip_0", bbox=[100, 100, 900, 900]), end("Crop_0"))


def run_all(
    rollouts: Rollouts, episodes: Sequence[Episode], turns: Callable[[int, int], str | OutOfContext]
) -> list[Trajectory | CanvasAgentError]:
    """Run a batch; `turns` gives the turn of an episode by its index and the number of the turn."""
    rollouts.begin(episodes)
    counts = [0] * len(episodes)
    while waiting := rollouts.waiting():
        answers: dict[int, WrittenTurn | OutOfContext] = {}
        for one in waiting:
            turn = turns(one.index, counts[one.index])
            answers[one.index] = turn if isinstance(turn, OutOfContext) else WrittenTurn(turn, len(turn))
            counts[one.index] += 1
        rollouts.answer(answers)
    return rollouts.ended()


def shape(run: Trajectory) -> Any:
    return run.status, run.final, [turn.text for turn in run.turns], [turn.observation for turn in run.turns]


def test_a_rollout_is_what_the_agent_does() -> None:
    task = Task("mirror and crop", (photo(size=64),))
    with ToolBox("lite") as box, Rollouts(box, Limits(), "in training") as rollouts:
        made = run_all(rollouts, [Episode(task, 0), Episode(task, 0)], lambda index, turn: TURNS[turn])
        own = Agent(ListPolicy(list(TURNS)), box).run(task)
    for run in made:
        assert isinstance(run, Trajectory) and shape(run) == shape(own)
        assert [asset.key for asset in run.assets] == [asset.key for asset in own.assets]
        assert run.turns[0].usage.output_tokens == len(TURNS[0])
    first, second = (run.picture("Flip_0") for run in made if isinstance(run, Trajectory))
    assert first is second, "equal calls of a group are one call"


def test_rollouts_end_apart_and_truncated_is_not_terminated() -> None:
    task = Task("mirror it", (photo(size=64),))

    def turns(index: int, turn: int) -> str | OutOfContext:
        if index == 0:
            return end("img_1")
        if index == 1 and turn == 1:
            return OutOfContext("no room.")
        return call("Flip", image="img_1")

    with ToolBox("lite") as box, Rollouts(box, Limits(max_turns=3), "in training") as rollouts:
        ended, cut, limited = run_all(rollouts, [Episode(task, 0)] * 3, turns)
    assert isinstance(ended, Trajectory) and isinstance(cut, Trajectory) and isinstance(limited, Trajectory)
    assert (ended.status, len(ended.turns)) == ("met", 1)
    assert (cut.status, cut.why, len(cut.turns)) == ("truncated", "no room.", 1)
    assert limited.status == "truncated" and "3 turns" in str(limited.why)


def test_an_episode_that_cannot_begin_does_not_hold_up_the_others() -> None:
    good, bad = Task("mirror it", (photo(size=64),)), Task("mirror it", (b"no picture",))
    with ToolBox("lite") as box, Rollouts(box, Limits(), "in training") as rollouts:
        broken, run = run_all(rollouts, [Episode(bad, 0), Episode(good, 0)], lambda index, turn: end("img_1"))
    assert isinstance(broken, InputError) and isinstance(run, Trajectory) and run.status == "met"


def test_tools_of_different_rollouts_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of four crops waits until all four are under way: one after the other, they would wait for ever."""
    from canvasagent.backends.lite import crop

    together, run = threading.Barrier(4, timeout=20), crop.Backend.__call__

    def slow(self: Any, **options: Any) -> Any:
        together.wait()
        return run(self, **options)

    monkeypatch.setattr(crop.Backend, "__call__", slow)
    task = Task("crop it", (photo(size=64),))
    with ToolBox("lite", workers=4) as box, Rollouts(box, Limits(), "in training") as rollouts:
        runs = run_all(
            rollouts,
            [Episode(task, 0)] * 4,
            lambda index, turn: end() if turn else call("Crop", image="img_1", bbox=[0, 0, 500 + index, 500]),
        )
    assert all(isinstance(run, Trajectory) and run.status == "met" and run.final == "Crop_0" for run in runs)


def test_closing_ends_what_is_under_way() -> None:
    with ToolBox("lite") as box:
        rollouts = Rollouts(box, Limits(), "in training")
        rollouts.begin([Episode(Task("mirror it", (photo(size=64),)), 0)] * 2)
        assert len(rollouts.waiting()) == 2
        rollouts.close()
        assert not [one for one in threading.enumerate() if one.name == "canvasagent-rollouts"]
