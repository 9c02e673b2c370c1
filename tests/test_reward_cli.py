"""`canvasagent score`, and wrong options of it and of `canvasagent reward`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_helpers import CROP, FLIP, Shell
from helpers import call, end


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def made(shell: Shell, *texts: str) -> str:
    """A run of these turns; its folder."""
    return str(shell.run(texts or (CROP, FLIP, end())).object["run_dir"])


def test_rules_alone(shell: Shell) -> None:
    run = made(shell, CROP, call("Flip", image="Crop_9"), end())
    said = shell("score", run, "--judge", "none", "--json")
    found = said.object
    assert (said.code, found["status"], found["judge"], found["errors"]) == (3, "unmet", "none", {})
    (one,) = found["scores"]
    assert one["total"] is None and len(one["unscored"]) == 3 and one["run_dir"] == run
    assert [item["q"] for item in one["calls"]] == pytest.approx([1, 0.7])
    assert one["penalties"] == {"error": 0.1, "repeat": 0, "length": 0, "cost": 0, "miss": 0}


def test_a_table_for_a_person(shell: Shell) -> None:
    said = shell("score", made(shell, CROP, call("Flip", image="Crop_9"), "what now?", end()), "--judge", "none")
    for words in ("unscored", "rule", "− error", "1 failed", "there is no picture 'Crop_9'", "neither a tool call"):
        assert words in said.out
    assert "No judge was asked." in said.out


def test_the_local_judge_is_named_and_cannot_tell_alignment_without_checks(shell: Shell) -> None:
    (one,) = shell("score", made(shell), "--json").object["scores"]
    assert one["total"] is None and one["parts"]["align"] is None
    assert one["parts"]["aesthetics"] is not None and one["judges"]["aesthetics"].startswith("local (")
    assert one["verdicts"]["align"]["error"]


def test_a_task_with_checks_gets_its_total(shell: Shell) -> None:
    run = made(shell, call("Flip", image="img_1"), call("OCR", image="Flip_0"), end("Flip_0"))
    record = json.loads((Path(run) / "trajectory.json").read_text("utf-8"))
    record["checks"], record["expected_tools"] = [{"check": "mirrored"}], ["Flip"]
    (Path(run) / "trajectory.json").write_text(json.dumps(record), "utf-8")
    said = shell("score", run, "--json")
    (one,) = said.object["scores"]
    assert said.code == 0 and said.object["status"] == "met"
    parts = one["parts"]
    total = 0.3 * parts["align"] + 0.1 * parts["aesthetics"] + 0.2 * parts["trajectory"] + 0.4 * parts["rule"]
    assert one["total"] == pytest.approx(total) and parts["align"] > 0.9
    assert "R = " in shell("score", run, "--preset", "hardened").out


def test_damaged_and_missing_runs_do_not_stop_the_others(shell: Shell) -> None:
    good, bad = made(shell), made(shell)
    (Path(bad) / "trajectory.json").write_text("{", "utf-8")
    said = shell("score", good, bad, "nowhere", "--judge", "none", "--json")
    assert said.code == 2 and list(said.object["errors"]) == [bad, "nowhere"] and len(said.object["scores"]) == 1


def test_a_run_without_its_picture_is_unscored(shell: Shell) -> None:
    run = made(shell)
    (Path(run) / "assets" / "Flip_0.png").unlink()
    (one,) = shell("score", run, "--json").object["scores"]
    assert one["total"] is None and one["parts"]["aesthetics"] is None and one["parts"]["rule"] == 1
    assert "Flip_0" in " ".join(one["unscored"])


def test_wrong_options(shell: Shell) -> None:
    run = made(shell)
    assert "there is no preset 'best'" in shell("score", run, "--preset", "best").err
    assert "there is no judge 'oracle'" in shell("score", run, "--judge", "oracle").err
    assert shell("reward", "audit", "--preset", "best").code == 2
