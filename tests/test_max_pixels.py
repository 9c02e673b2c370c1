"""The limit on the pixels of pictures: every command that names it has the option that raises it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent import Agent, Limits, ToolBox
from canvasagent.cli.run_options import RunOptions
from canvasagent.craft.sources import load_source
from canvasagent.defaults import MAX_PIXELS, MOST_PIXELS
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import open_picture
from canvasagent.record.trajectory import Trajectory
from canvasagent.serving.settings import ServerSettings
from cli_helpers import Shell
from helpers import ListPolicy, call, end, photo

MIRROR = call("Flip", image="img_1")
SMALL = 256 * 256 - 1
"""One pixel less than the picture of these tests has."""


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_run_and_resume(shell: Shell) -> None:
    policy = shell.turns(MIRROR, end())
    refused = shell("run", "mirror it", "-i", "a.png", "--policy", policy, "--max-pixels", SMALL)
    assert refused.code == 2 and f"the limit is {SMALL:,}" in refused.err and "--max-pixels" in refused.err
    said = shell(
        "run", "mirror it", "-i", "a.png", "--policy", policy, "--max-pixels", SMALL + 1, "--max-turns", 1, "--json"
    )
    assert said.object["status"] == "truncated"
    record = Trajectory.load(said.object["run_dir"])
    assert record.limits["max_pixels"] == SMALL + 1
    resumed = shell("run", "--resume", record.id, "--max-turns", 5, "--policy", policy, "--json")
    assert resumed.object["status"] == "met"
    assert Trajectory.load(said.object["run_dir"]).limits["max_pixels"] == SMALL + 1
    assert shell("replay", record.id, "--json").code == 0


def test_results_are_held_to_it_too(shell: Shell) -> None:
    policy = shell.turns(call("SR", image="img_1"), end())
    arguments = ["run", "enlarge it", "-i", "a.png", "--policy", policy, "--json", "--max-pixels"]
    for limit, made in ((256 * 256, False), (1024 * 1024, True)):
        record = Trajectory.load(shell(*arguments, limit).object["run_dir"])
        assert (record.turns[0].asset is not None) == made
        assert made or f"the limit is {limit:,}" in str(record.turns[0].observation)


def test_batch(shell: Shell) -> None:
    Path("many.jsonl").write_text(json.dumps({"instruction": "mirror it", "images": ["a.png"]}))
    policy = shell.turns(MIRROR, end())
    refused = shell("run", "--batch", "many.jsonl", "--policy", policy, "--max-pixels", SMALL)
    assert refused.code == 2 and "--max-pixels" in refused.err
    assert shell("run", "--batch", "many.jsonl", "--policy", policy, "--max-pixels", SMALL + 1).code == 0


def test_tool(shell: Shell) -> None:
    refused = shell("tool", "flip", "-i", "a.png", "-o", "b.png", "--max-pixels", SMALL)
    assert refused.code == 2 and "--max-pixels" in refused.err and not Path("b.png").exists()
    assert shell("tool", "flip", "-i", "a.png", "-o", "b.png", "--max-pixels", SMALL + 1).code == 0


def test_eval(shell: Shell) -> None:
    Path("b.jsonl").write_text(
        json.dumps({"instruction": "mirror it", "images": ["a.png"], "expected_tools": ["Flip"]})
    )
    options = ["eval", "--policy", "scripted", "--bench", "b.jsonl", "--judge", "none", "--json", "--max-pixels"]
    for limit, status in ((SMALL, "failed"), (SMALL + 1, "met")):
        shell(*options, limit, "--out", f"out{limit}")
        (row,) = [json.loads(line) for line in Path(f"out{limit}/rows.jsonl").read_text().splitlines()]
        assert row["status"] == status and (status == "met" or "--max-pixels" in row["why"])


@pytest.mark.parametrize("command", ["run", "tool flip", "eval", "craft import", "serve tools"])
def test_it_has_bounds(shell: Shell, command: str) -> None:
    for wrong in ("0", str(MOST_PIXELS + 1), "many"):
        required = {"tool flip": ["-i", "a.png", "-o", "b.png"], "craft import": ["x", "--out", "y"], "run": ["x"]}
        said = shell(*command.split(), *required.get(command, []), "--max-pixels", wrong)
        assert said.code == 2 and "max-pixels" in said.err


def test_who_cannot_raise_it_is_not_told_to(tmp_path: Path) -> None:
    picture = photo(size=64)
    with pytest.raises(InputError) as refused:
        open_picture(picture, 100)
    assert "Scale it down first." in str(refused.value) and "raise the limit" not in str(refused.value)
    with pytest.raises(InputError, match=r"Limits\(max_pixels=…\)"):
        Agent(ListPolicy([end()]), limits=Limits(max_pixels=100)).run("x", [picture])
    Image.new("1", (9000, 8000)).save(tmp_path / "a.png")
    with pytest.raises(InputError) as refused:
        load_source(f"dir:{tmp_path}")
    assert "the limit is 64,000,000" in str(refused.value) and "raise the limit" not in str(refused.value)


def test_one_limit_for_all(shell: Shell) -> None:
    assert Limits().max_pixels == ServerSettings().max_pixels == MAX_PIXELS
    agents: list[Any] = [Agent(), RunOptions(settings={"max_pixels": 123}).agent()]
    assert [agent.toolbox.max_pixels for agent in agents] == [MAX_PIXELS, 123]
    with ToolBox() as toolbox:
        assert toolbox.max_pixels == MAX_PIXELS and Agent(profile=toolbox).toolbox is toolbox
    for agent in agents:
        agent.toolbox.close()
