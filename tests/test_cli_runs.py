"""`canvasagent runs`, and the names by which every command finds a run: folder, id, `last`."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from canvasagent.cli import runs as runs_command
from canvasagent.cli.run_list import listed, run_folders
from cli_helpers import CROP, FLIP, Shell
from helpers import end


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def record(folder: Path, second: int, **fields: object) -> Path:
    """A record as a listing reads it, written at a given time; returns its folder."""
    folder.mkdir(parents=True)
    file = folder / "trajectory.json"
    told = {"created": "2026-01-01T00:00:00+00:00", "status": "met", "instruction": "do it", **fields}
    file.write_text(json.dumps(told), "utf-8")
    os.utime(file, (second, second))
    return folder


def test_runs_are_listed_with_the_one_last_worked_on_first(shell: Shell) -> None:
    first = Path(shell.run((CROP, end())).object["run_dir"])
    second = Path(shell.run((CROP, FLIP, end())).object["run_dir"])
    os.utime(second / "trajectory.json", (1, 1))
    told = shell("runs", "--json").object
    assert told["runs_dir"] == str(shell.folder / "runs") and told["total"] == 2
    assert [one["id"] for one in told["runs"]] == [first.name, second.name]
    one = told["runs"][0]
    assert (one["status"], one["request"], one["final"]) == ("met", "do it", str(first / "assets" / "Crop_0.png"))
    assert one["run_dir"] == str(first) and one["updated"] > told["runs"][1]["updated"]
    said = shell("runs")
    lines = said.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [first.name, second.name]
    assert lines[0].split("  ")[2:] == ["met", "do it", str(first / "assets" / "Crop_0.png")]
    assert f"2 runs in {shell.folder / 'runs'}" in said.err.replace("\n", "")


def test_last_names_the_same_run_in_every_command(shell: Shell) -> None:
    shell.run((CROP, FLIP, end()))
    folder = Path(shell.run((CROP, end())).object["run_dir"])
    assert shell("show", "last", "--json").object["run_dir"] == str(folder)
    assert shell("replay", "last", "--json").object["identical"] is True
    assert shell("score", "last", "--json").object["scores"][0]["run_dir"] == str(folder)
    assert f"{folder.parent.name}/{folder.name}" in shell("judge", "check", "last", "--rounds", 1, "--json").out
    policy = shell.turns(FLIP, end())
    went_on = shell("run", "--continue", "last", "turn it", "--policy", policy, "--json").object
    assert went_on["status"] == "met"
    continued = json.loads((Path(went_on["run_dir"]) / "trajectory.json").read_text())
    assert continued["continues"] == folder.name
    assert shell("show", "last", "--json").object["run_dir"] == went_on["run_dir"]
    (shell.folder / "last").mkdir()
    assert shell("show", "./last").code == 2, "a folder of that name is named by its path"


def test_a_stopped_run_is_resumed_by_last(shell: Shell) -> None:
    said = shell.run((CROP, FLIP, end()), "--max-turns", 1)
    assert said.object["status"] == "truncated"
    resumed = shell("run", "--resume", "last", "--policy", "replay:turns.json", "--max-turns", 5, "--json").object
    assert resumed["run_dir"] == said.object["run_dir"] and resumed["status"] == "met"


@pytest.mark.parametrize("name", ["last", "ID"])
def test_a_policy_replays_a_run_by_its_name(shell: Shell, name: str) -> None:
    folder = Path(shell.run((CROP, end())).object["run_dir"])
    spec = f"replay:{name.replace('ID', folder.name)}"
    said = shell("run", "again", "-i", "a.png", "--policy", spec, "--json")
    assert said.object["tool_calls"] == ["Crop"]
    kept = json.loads((Path(said.object["run_dir"]) / "trajectory.json").read_text())
    assert kept["policy"] == f"replay:{folder}", "the record names the folder, whatever comes last later"


def test_no_runs_yet(shell: Shell) -> None:
    said = shell("runs")
    assert said.code == 0 and said.out == "" and "There are no runs in" in said.err
    assert shell("runs", "--json").object["runs"] == []
    for command in ("show", "replay"):
        said = shell(command, "last", "--json")
        assert said.code == 2 and "there is no run below 'runs' yet" in said.object["error"]
    assert "canvasagent runs lists them" in shell("show", "lost", "--json").object["error"]


def test_a_folder_that_cannot_be_searched(shell: Shell) -> None:
    assert "cannot be searched" in shell("runs", "--runs-dir", "a.png").err


def test_runs_of_batches_are_named_by_their_path(shell: Shell) -> None:
    record(Path("runs/many/seven"), 5)
    record(Path("runs/alone"), 9)
    record(Path("runs/alone/assets/inner"), 99)
    record(Path("runs/.hidden/one"), 99)
    record(Path("runs/a/b/deep"), 99)
    Path("runs/many/results.jsonl").write_text("")
    assert [folder.as_posix() for folder in run_folders(Path("runs"))] == ["runs/alone", "runs/many/seven"]
    assert [one["id"] for one in shell("runs", "--json").object["runs"]] == ["alone", "many/seven"]


def test_damaged_and_foreign_records_are_listed_harmlessly(shell: Shell) -> None:
    Path("secret.png").write_bytes(b"x")
    record(Path("runs/d"), 5).joinpath("trajectory.json").write_text("{")
    record(Path("runs/c"), 4, instruction="\x1b[31mred\nline two", status=["met"], answer="no object")
    record(Path("runs/b"), 3, final="../../../secret", answer={"text": "\x07words"})
    record(Path("runs/a"), 2).joinpath("trajectory.json").write_text("[" * 100_000)
    found = {one["id"]: one for one in shell("runs", "--json").object["runs"]}
    assert {name: one["status"] for name, one in found.items()} == {
        "a": "damaged", "b": "met", "c": "damaged", "d": "damaged"
    }  # fmt: skip
    assert found["b"]["final"] is None and found["b"]["answer"] == "\x07words"
    said = shell("runs")
    assert len(said.out.splitlines()) == 4 and "\x1b" not in said.out and "\x07" not in said.out
    assert "red line two" in said.out and "secret" not in said.out


def test_a_long_list_is_cut_and_says_so(shell: Shell) -> None:
    for number in range(25):
        record(Path(f"runs/run{number:02}"), number)
    said = shell("runs")
    assert len(said.out.splitlines()) == 20 and said.out.startswith("run24  ")
    assert "20 of 25 runs in" in said.err and "--limit 25 lists all" in said.err
    assert len(shell("runs", "--limit", 25).out.splitlines()) == 25
    assert len(shell("runs", "--json").object["runs"]) == 25
    assert len(shell("runs", "--json", "--limit", 3).object["runs"]) == 3


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_table_fits_the_terminal_and_keeps_ids_whole(tmp_path: Path, columns: int) -> None:
    names = ["20261121-101500-3f9a2c", "20261121-101501-3f9a2d"]
    for number, name in enumerate(names):
        record(tmp_path / name, number, instruction="画" * 80, answer={"text": "long words " * 20, "turns": []})
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=columns, highlight=False)
    runs_command._print(console, [listed(folder, tmp_path) for folder in run_folders(tmp_path)])
    assert all(name in file.getvalue() for name in names)
    if columns >= 80:
        lines = file.getvalue().splitlines()
        assert len(lines) == 2 and all("…" in line for line in lines)
        assert all(len(line) + line.count("画") <= columns for line in lines)
