"""The checks of a judge: verdicts on every aspect of real runs, a reason where there is no score, nothing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from canvasagent.agent import Agent
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges import ASPECTS, Judge, Verdict
from canvasagent.task import Task
from canvasagent.testing.errors import ConformanceError, require
from canvasagent.testing.samples import picture

_Scores = dict[str, tuple[float | None, str]]


def check_judge(judge: Judge, *, deterministic: bool = True) -> None:
    """Hold a judge against the contract. Raises `ConformanceError` for the first thing wrong.

    It judges small runs of the profile `lite`: finished, without a picture, cut off, failed and unfinished ones.
    `deterministic`: another score for the same run is wrong. Set it to False for a model.
    """
    subject = f"judge {getattr(judge, 'name', judge)!r}"
    require(isinstance(getattr(judge, "name", None), str) and bool(judge.name), subject, "has no `name`.")
    for title, trajectory in sample_runs():
        about = f"{subject}, judging {title}"
        before = trajectory.model_dump_json()
        scores = _scores(judge, trajectory, about)
        require(trajectory.model_dump_json() == before, about, "changes the run that it judges.")
        if trajectory.status in ("running", "failed"):
            scored = [aspect for aspect, (score, _) in scores.items() if score is not None]
            require(not scored, about, f"scores {', '.join(scored)} of a run that is not to be judged; give a reason.")
        if deterministic:
            again = _scores(judge, trajectory, about)
            require(scores == again, about, "scores the same run otherwise the second time; keep no memory.")


def sample_runs() -> Iterator[tuple[str, Trajectory]]:
    """Runs that a judge meets, each with words for it."""
    flip, crop = ToolCall("Flip", {"image": "img_1"}), ToolCall("Crop", {"image": "Flip_0", "bbox": [0, 0, 500, 500]})
    missing = ToolCall("Flip", {"image": "img_9"})
    checks = [{"check": "size_ratio", "ratio": 0.5}]
    done = _run([flip, crop], checks)
    yield "a finished run with a picture", done
    yield "a run whose task has no checks", _run([flip])
    yield "a run without a call", _run([])
    yield "a run with a faulty call", _run([missing, flip], checks)
    yield "a run that was cut off", done.model_copy(update={"status": "truncated", "why": "it reached its limit"})
    yield "a run that failed", done.model_copy(update={"status": "failed", "why": "the endpoint was lost"})
    yield "a run that goes on", done.model_copy(update={"status": "running"})


class _Recited:
    """A policy that makes certain calls and ends."""

    name = "recited"

    def __init__(self, calls: Sequence[ToolCall]) -> None:
        self._calls = calls

    async def act(self, messages: Sequence[Message], on_text: object = None) -> Reply:
        """The next call, by the number of turns so far."""
        turn = sum(message.role == "assistant" for message in messages)
        text = "The request asks for this."
        return Reply(render_turn(text, self._calls[turn]) if turn < len(self._calls) else render_turn(text))


def _run(calls: Sequence[ToolCall], checks: Sequence[dict[str, Any]] = ()) -> Trajectory:
    agent = Agent(_Recited(calls), "lite")
    try:
        return agent.run(Task("flip it and keep the upper left part", (picture(),), checks=tuple(checks)))
    finally:
        agent.toolbox.close()


def _scores(judge: Judge, trajectory: Trajectory, about: str) -> _Scores:
    try:
        verdicts = run_sync(judge.judge(trajectory))
    except Exception as error:
        wrong = f"raises {type(error).__name__}: {error}; why there is no score goes into the verdict's `error`."
        raise ConformanceError(f"{about}: {wrong}") from error
    wanted = ", ".join(ASPECTS)
    require(isinstance(verdicts, dict) and set(verdicts) == set(ASPECTS), about, f"must give verdicts on {wanted}.")
    for aspect, verdict in verdicts.items():
        of = f"{about}, {aspect}"
        require(isinstance(verdict, Verdict), of, f"gives {verdict!r}; give a Verdict.")
        require(verdict.aspect == aspect, of, f"the verdict is on {verdict.aspect}.")
        require(verdict.judge == judge.name, of, f"the verdict names the judge {verdict.judge!r}, not {judge.name!r}.")
        require(bool(verdict.model), of, "the verdict names no `model` (or version of the rules).")
        reasoned = verdict.score is not None or bool(verdict.error)
        require(reasoned, of, "has neither a score nor an `error` that says why.")
        require(verdict.score is None or not verdict.error, of, "has both a score and an `error`.")
        written = Verdict.model_validate(json.loads(verdict.model_dump_json()))
        require(written == verdict, of, "the verdict changes when it is written as JSON and read again.")
    return {aspect: (verdict.score, verdict.error or "") for aspect, verdict in verdicts.items()}
