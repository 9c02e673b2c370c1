"""Scale-out: what each tool gets of a cluster; and, where Ray is, the same results through it, and what kills do.

Ray is no part of the development set-up: `pip install 'canvasagent[ray]'`, then `pytest -m slow tests/test_scale.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent import Agent, Task, ToolBox, Trajectory
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.canvas import Canvas
from canvasagent.errors import InputError
from canvasagent.faults import Stage
from canvasagent.scale.sharing import Sharing, alone, distinct, load_sharing, part_of_card, shares, teams
from canvasagent.testing.samples import canvas, picture
from canvasagent.tools import all_tools
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call
from cli_helpers import Shell
from helpers import ListPolicy, call, end
from test_serving_remote import run, told
from tools_server import ToolsServer
from waiting import wait_until

LITE = load_profile("lite")


def refused(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        shares(LITE, load_sharing(path), 64, 8)
    return str(caught.value)


def test_a_tool_gets_what_is_asked_for_and_the_default_for_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "sharing.toml"
    path.write_text("[default]\nreplicas = 2\nat_once = 3\n[tools.OCR]\nmax_replicas = 8\ncpus = 2\n")
    found = shares(LITE, load_sharing(path), 64, 0)
    assert set(found) == set(LITE.backends)
    ocr, crop = found["OCR"], found["Crop"]
    assert (ocr.replicas, ocr.max_replicas, ocr.at_once, ocr.cpus, ocr.capacity) == (2, 8, 3, 2.0, 24)
    assert (crop.replicas, crop.max_replicas, crop.cpus, crop.gpus) == (2, 2, 1.0, 0.0)


def test_a_small_machine_gives_each_tool_a_part_of_a_core() -> None:
    found = shares(LITE, Sharing(), 2, 0)
    assert 1 < sum(share.cpus for share in found.values()) <= 1.8
    assert {share.at_once for share in found.values()} == {1}


def test_what_cannot_be_had_is_told_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "sharing.toml"
    assert "not valid TOML" in refused(path, "[default")
    assert "tools.OCR.replicas" in refused(path, "[tools.OCR]\nreplicas = 0")
    assert "colour" in refused(path, "[tools.OCR]\ncolour = 1")
    assert "no Juggling" in refused(path, "[tools.Juggling]\nreplicas = 1")
    assert "want 110 CPU and the cluster has 64" in refused(path, "[default]\ncpus = 10")
    assert "OCR alone wants 9" in refused(path, "[tools.OCR]\ngpus = 9")
    with pytest.raises(InputError, match="cannot be read"):
        load_sharing(tmp_path / "nowhere.toml")


def test_the_part_of_a_card_follows_from_the_placement() -> None:
    full = load_profile("full")
    parts = {tool: part_of_card(alone(full, tool), 80) for tool in full.backends}
    assert 0.2 < parts["ImageEdit"] < 0.5 and 0 < parts["SAM"] < parts["ImageEdit"]
    assert parts["Crop"] == parts["Flip"] == 0
    assert part_of_card(alone(full, "SAM"), 24) > parts["SAM"]
    assert part_of_card(alone(full, "SAM"), None) == 1.0, "where the size of a card is not known, a model has it alone"
    assert {share.gpus for share in shares(full, Sharing(), 64, 0).values()} == {0}, "no cards, no parts"


def test_tools_that_share_weights_are_one_replica_whose_part_of_a_card_is_counted_once(tmp_path: Path) -> None:
    full, path = load_profile("full"), tmp_path / "sharing.toml"
    path.write_text("card_gb = 24\n[tools.ImageEdit]\nreplicas = 2\nmax_replicas = 5\nat_once = 7\n")
    found = shares(full, load_sharing(path), 64, 3)
    both = found["ImageEdit"]
    assert both is found["ImageGeneration"] and set(both.tools) == {"ImageEdit", "ImageGeneration"}
    assert (both.replicas, both.max_replicas, both.at_once) == (2, 5, 7 + 32), "the most of both, calls of both"
    assert both.gpus == part_of_card(alone(full, "ImageEdit"), 24) > 0.7, "no more than one of them alone"
    assert len(distinct(found)) == len(found) - 1 and found["SAM"].name == "SAM"
    with pytest.raises(InputError, match=r"ImageEdit\+ImageGeneration alone wants 1\.\d+\. Add nodes"):
        shares(full, load_sharing(path), 64, 1)


@pytest.mark.parametrize("own", [{"dtype": "float16"}, {"device": "cuda:1"}, {"source": "mine"}])
def test_tools_with_weights_of_their_own_are_replicas_of_their_own(own: dict[str, str]) -> None:
    apart = load_profile(Profile(name="apart", extends="full", options={"ImageEdit": own}))
    assert [len(tools) for tools in teams(apart)] == [1] * len(apart.backends)
    steps = load_profile(Profile(name="steps", extends="full", options={"ImageEdit": {"steps": 8, "feather": 3}}))
    assert max(map(len, teams(steps))) == 2, "what is no matter of loading keeps them together"
    isolated = load_profile(Profile(name="isolated", extends="full", isolate=["ImageEdit"]))
    assert max(map(len, teams(isolated))) == 1, "a process of its own shares nothing"


def test_a_replica_uses_the_first_card_that_it_sees() -> None:
    options = {"SAM": {"device": "cuda:3", "batch": 4}, "SR": {"device": "cpu"}}
    full = load_profile(Profile(name="mine", extends="full", options=options))
    assert alone(full, "SAM").options == {"SAM": {**full.options["SAM"], "device": "cuda:0"}}
    assert alone(full, "SR").options["SR"]["device"] == "cpu"
    assert list(alone(full, "SR").backends) == ["SR"]


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_extra_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(tmp_path, capsys)
    (tmp_path / "many.jsonl").write_text('{"instruction": "mirror it"}')
    for arguments in (
        ["run", "--batch", tmp_path / "many.jsonl", "--runs-dir", tmp_path / "runs", "--engine", "ray"],
        ["serve", "tools", "--port", "0", "--engine", "ray"],
        ["eval", "--policy", "scripted", "--sample", 1, "--out", tmp_path / "out", "--engine", "ray"],
    ):
        said = shell(*arguments)
        assert said.code != 0 and "canvasagent[ray]" in said.err


def test_engines_that_do_not_exist_or_do_not_belong_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path, capsys)
    (tmp_path / "many.jsonl").write_text('{"instruction": "mirror it"}')
    for arguments, words in (
        (["run", "--batch", tmp_path / "many.jsonl", "--engine", "steam"], "no engine 'steam'"),
        (["run", "mirror it", "--engine", "ray"], "--engine needs --batch"),
        (["serve", "tools", "--port", "0", "--engine", "steam"], "no engine 'steam'"),
        (["serve", "tools", "--port", "0", "--sharing", "s.toml"], "belongs to --engine ray"),
        (["eval", "--policy", "scripted", "--engine", "steam"], "no engine 'steam'"),
    ):
        said = shell(*arguments)
        assert said.code == 2 and words in " ".join(said.err.split())


# ── on Ray ───────────────────────────────────────────────────────────────────────────────────────────────────

on_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'canvasagent[ray]'")


@pytest.fixture(scope="module")
def lite() -> Iterator[ToolsServer]:
    with ToolsServer(("--engine", "ray", "-q")) as server:
        yield server
        assert server.stop() == 0


@pytest.mark.slow
@on_ray
def test_every_tool_gives_the_same_here_and_on_ray(lite: ToolsServer) -> None:
    with ToolBox("lite") as here, ToolBox(f"remote:{lite.url}") as there:
        for name, tool in all_tools().items():
            held, arguments = canvas(1), dict(tool.example)
            assert told(run(here, held, name, **arguments)) == told(run(there, held, name, **arguments))
        for prompt, fine in (("give it the colours of the second picture", True), ("make it warmer", False)):
            edit = {"image": "img_1", "edit_prompt": prompt, "references": ["Extract_0"]}
            mine, theirs = (run(box, canvas(1), "ImageEdit", **edit) for box in (here, there))
            assert (mine.fault is None) == fine and told(mine) == told(theirs)
        refusal = {"prompt": "a giraffe plays chess with a submarine"}
        mine, theirs = (run(box, canvas(1), "ImageGeneration", **refusal) for box in (here, there))
        assert mine.fault is not None and told(mine) == told(theirs)


@pytest.mark.slow
@on_ray
def test_an_episode_is_the_same_on_ray(lite: ToolsServer) -> None:
    turns = [
        call("Crop", image="img_1", bbox=[100, 100, 900, 900]),
        call("SAM", image="img_1", bbox=[200, 250, 600, 850]),
        call("Extract", image="img_1", mask="SAM_0"),
        call("Overlayer", base_image="Crop_0", overlay_type="object", content="Extract_0"),
        end(),
    ]
    runs = [
        Agent(ListPolicy(turns), profile).run(Task("work", (picture((120, 90)),)), seed=5)
        for profile in ("lite", f"remote:{lite.url}")
    ]
    seen = [[turn.observation for turn in each.turns] for each in runs]
    pixels = [[each.asset(record.id).pixel_hash for record in each.assets] for each in runs]
    assert seen[0] == seen[1] and pixels[0] == pixels[1]


def slow_flip(folder: Path, seconds: float, backend: str = "backends_for_tests:Echo") -> tuple[str, Path]:
    """A profile of one tool that notes the process of each call, and where."""
    log, path = folder / "calls.log", folder / "slow.toml"
    options = f"log = {json.dumps(str(log))}\nseconds = {seconds}"
    path.write_text(f'name = "slow"\n[backends]\nFlip = "{backend}"\n[options.Flip]\n{options}\n')
    return str(path), log


def noted(log: Path) -> list[int]:
    """The process of each call so far."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def when(log: Path, calls: int, then: Callable[[int], None]) -> threading.Thread:
    """Do something to the process of the `calls`-th call, in the middle of it."""

    def watch() -> None:
        wait_until(lambda: len(noted(log)) >= calls, f"call {calls}")
        then(noted(log)[calls - 1])

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@on_ray
def test_a_replica_killed_in_the_middle_of_a_call_and_one_that_always_dies(tmp_path: Path) -> None:
    profile, log = slow_flip(tmp_path, 2.0, "scale_backends:Exiting")
    dark = Canvas()
    dark.add_input(Image.new("RGB", (8, 8)))
    with ToolsServer(("--engine", "ray", "--profile", profile, "-q")) as server:
        with ToolBox(f"remote:{server.url}") as box:
            killer = when(log, 1, kill)
            done = run(box, canvas(1), "Flip", image="img_1")
            killer.join()
            assert done.fault is None and done.outcome is not None
            assert len(set(noted(log))) == len(noted(log)) == 2, "another replica made the call again"
            fault = run(box, dark, "Flip", image="img_1").fault
            assert fault is not None and fault.stage is Stage.INFRASTRUCTURE and "were lost" in fault.message
            assert run(box, canvas(2), "Flip", image="img_2").fault is None, "and it goes on"
        assert server.stop() == 0


@pytest.mark.slow
@on_ray
def test_replicas_come_when_calls_queue(tmp_path: Path) -> None:
    profile, log = slow_flip(tmp_path, 1.0)
    sharing = tmp_path / "sharing.toml"
    sharing.write_text("[default]\ncpus = 0.5\nmax_replicas = 3\n")

    async def many(box: ToolBox) -> list[Any]:
        held = Canvas()
        for number in range(40):
            held.add_input(Image.new("RGB", (8, 8), (number + 1, 0, 0)))
        calls = []
        for asset in held:
            checked = check_call(box.tools["Flip"], {"image": asset.id}, canvas_info(held), held.inputs)
            calls.append(box.call(checked, {"image": asset}))
        return await asyncio.gather(*calls)

    with ToolsServer(("--engine", "ray", "--profile", profile, "--sharing", str(sharing), "-q")) as server:
        with ToolBox(f"remote:{server.url}") as box:
            assert all(done.fault is None for done in asyncio.run(many(box)))
        assert 1 < len(set(noted(log))) <= 3 and len(noted(log)) == 40


@pytest.mark.slow
@on_ray
def test_a_batch_on_ray_is_the_same_and_goes_on_after_a_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    shell = Shell(tmp_path, capsys)
    for number in range(4):
        picture((64 + number, 48)).save(tmp_path / f"{number}.png")
    lines = [{"instruction": "do it", "images": [f"{number}.png"], "id": f"t{number}"} for number in range(4)]
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    profile, log = slow_flip(tmp_path, 1.0)
    policy = shell.turns(call("Flip", image="img_1"), end())
    common = ["run", "--batch", "many.jsonl", "--policy", policy, "--profile", profile, "--seed", 4, "--json"]
    here = shell(*common, "--runs-dir", "here")
    done = len(noted(log))
    killer = when(log, done + 1, kill)
    there = shell(*common, "--runs-dir", "there", "--engine", "ray", "--concurrency", 2)
    killer.join()
    assert (here.code, there.code) == (0, 0), there.err
    assert there.object["met"] == 4 and len(noted(log)) > done + 4, "what the lost worker was at was done again"
    for line in lines:
        mine, theirs = (Trajectory.load(Path(folder) / "many" / str(line["id"])) for folder in ("here", "there"))
        assert [turn.observation for turn in mine.turns] == [turn.observation for turn in theirs.turns]
        assert [record.pixel_hash for record in mine.assets] == [record.pixel_hash for record in theirs.assets]
    again = shell(*common, "--runs-dir", "there", "--engine", "ray").object
    assert (again["met"], again["skipped"]) == (4, 4)


@pytest.mark.slow
@on_ray
def test_an_evaluation_on_ray_has_the_same_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, capsys)
    tasks = [
        {"id": "mirror", "instruction": "mirror it", "images": ["a.png"], "expected_tools": ["Flip"]},
        {"id": "plain", "instruction": "crop the middle", "images": ["a.png"], "expected_tools": ["Crop"]},
    ]
    (tmp_path / "tasks.jsonl").write_text("\n".join(json.dumps(task) for task in tasks))
    common = ["eval", "--policy", "scripted", "--bench", "tasks.jsonl", "--judge", "none", "--json"]
    rows = []
    for more in (["--out", "here"], ["--out", "there", "--engine", "ray", "--concurrency", 2]):
        said = shell(*common, *more)
        assert said.object["runs"] == 2, said.err
        read = [json.loads(line) for line in Path(str(more[1]), "rows.jsonl").read_text().splitlines()]
        rows.append(
            {row["task"]: {key: row[key] for key in row if key != "cached" and "seconds" not in key} for row in read}
        )
    assert rows[0] == rows[1]
