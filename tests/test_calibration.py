"""A judge held against itself, against orders and wordings, another judge, people and its past: by a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canvasagent.agent import Agent
from canvasagent.cli import main
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.errors import InputError
from canvasagent.evaluation.calibration import as_markdown, calibrate, key_of, read_stored, save_stored
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges.base import JudgeSettings
from canvasagent.task import Task
from chat_server import Answer, ChatServer, Request
from helpers import ListPolicy, call, end, photo


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Trajectory]:
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for number in range(4):
        texts = [call("Flip", image="img_1"), call("Rotate", image="Flip_0", angle=90), end()]
        task = Task(f"mirror it, turn it ({number})", [photo(size=48)], checks=({"check": "not_blank"},))
        made.append(Agent(ListPolicy(texts), "lite").run(task, run_dir=folder / "p" / f"t{number}"))
    return made


def settings(server: ChatServer, **more: Any) -> JudgeSettings:
    # A request that gets no answer on a busy machine is asked again long before the test's own time limit.
    return JudgeSettings(base_url=server.url, api_key="k", timeout=8.0, **more)


def scoring(score: Callable[[Request], float]) -> Callable[[Request], Answer]:
    return lambda request: Answer(json.dumps({"score": round(score(request), 4)}))


def number_of(request: Request) -> int:
    return next(number for number in range(4) if f"({number})" in " ".join(request.texts()))


def test_a_steady_judge_is_found_steady(runs: list[Trajectory]) -> None:
    with ChatServer(scoring(lambda request: 0.2 * number_of(request))) as server:
        found = run_sync(calibrate(runs, "endpoint:m", settings(server), repeats=2))
        assert len(server.requests) >= 4 * 3 * 4  # two rounds, result first, reworded; lost connections are asked again
    assert all(one.deviation == 0 and one.n == 4 for one in found.spread)
    assert all(shift.apart == 0 and shift.spearman == pytest.approx(1.0) for shift in found.shifts)


def test_a_judge_that_favours_wordings_and_orders_is_found_out(runs: list[Trajectory]) -> None:
    def biased(request: Request) -> float:
        reworded = "material to examine" in " ".join(request.texts("system"))
        return 0.2 * number_of(request) + (0.1 if reworded else 0.0)

    with ChatServer(scoring(biased)) as server:
        found = run_sync(calibrate(runs, "endpoint:m", settings(server), repeats=2))
    shifts = {(shift.what, shift.aspect): shift for shift in found.shifts}
    assert shifts["prompts reworded", "align"].apart == pytest.approx(0.1)
    assert shifts["result shown first", "align"].apart == 0
    assert "+0.100" in as_markdown(found)


def test_a_wavering_judge_is_found_out_whatever_is_kept(runs: list[Trajectory], tmp_path: Path) -> None:
    """Repeats are asked for anew even where replies are kept."""
    count = iter(range(10_000))
    with ChatServer(lambda request: Answer(json.dumps({"score": (next(count) % 5) / 10}))) as server:
        found = run_sync(calibrate(runs, "endpoint:m", settings(server, cache=tmp_path, concurrency=1), repeats=3))
    assert all(one.deviation is not None and one.deviation > 0 for one in found.spread)


def test_drift_and_another_model_are_told(runs: list[Trajectory], tmp_path: Path) -> None:
    with ChatServer(scoring(lambda request: 0.2 * number_of(request))) as server:
        first = run_sync(calibrate(runs, "endpoint:m", settings(server), repeats=1))
    save_stored(tmp_path / "stored.json", first.stored)
    with ChatServer(scoring(lambda request: 0.2 * number_of(request) + 0.2)) as server:
        later = run_sync(
            calibrate(runs, "endpoint:n", settings(server), repeats=1, before=read_stored(tmp_path / "stored.json"))
        )
    drift = [shift for shift in later.shifts if shift.what.startswith("verdicts of")]
    assert [round(shift.apart or 0, 6) for shift in drift] == [0.2] * 3
    assert any("another judge" in note for note in later.notes)
    (tmp_path / "stored.json").write_text("{}")
    with pytest.raises(InputError, match="no stored verdicts"):
        read_stored(tmp_path / "stored.json")


def test_people_and_another_judge_stand_beside_it(runs: list[Trajectory]) -> None:
    people = {key_of(run): {"align": 1 - 0.2 * number} for number, run in enumerate(runs)}
    with ChatServer(scoring(lambda request: 0.2 * number_of(request))) as server:
        found = run_sync(calibrate(runs, "endpoint:m", settings(server), repeats=1, against="local", people=people))  # type: ignore[arg-type]
    shifts = {(shift.what, shift.aspect): shift for shift in found.shifts}
    assert shifts["people", "align"].spearman == pytest.approx(-1.0)
    assert shifts["people", "trajectory"].n == 0 and shifts["people", "trajectory"].mean is None
    assert shifts["other judge: local", "align"].n == 4


def test_the_command(runs: list[Trajectory], tmp_path: Path, capsys: Any) -> None:
    folders = [str(run.folder) for run in runs]
    assert main(["judge", "check", *folders, "--rounds", "2", "--out", str(tmp_path / "s.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == 4 and "made of rules" in told["notes"][0]
    assert main(["judge", "check", *folders, "--earlier", str(tmp_path / "s.json")]) == 0
    assert "verdicts of" in capsys.readouterr().out
    assert main(["judge", "check", str(tmp_path / "nothing")]) == 2
