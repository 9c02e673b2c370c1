"""`remote:URL`: the same results as here for every tool; drops, restarts and crashes are never the policy's fault."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from canvasagent import Agent, Task, ToolBox
from canvasagent.backends.profile import load_profile
from canvasagent.canvas import Asset, Canvas, Kind, pixel_hash
from canvasagent.endpoints import tool_server as client
from canvasagent.errors import BackendFailure, InputError
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.testing.samples import canvas, mask, picture
from canvasagent.tools import all_tools
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call
from helpers import ListPolicy, call, end
from tools_server import Cutting, ToolsServer

ECHO = """
name = "echo"
[backends]
Flip = "backends_for_tests:{flip}"
ImageEdit = "backends_for_tests:Mixing"
Rotate = "lite/rotate"
Crop = "lite/crop"
{more}
"""


def profile_file(folder: Path, flip: str = "Echo", more: str = "") -> str:
    path = folder / "echo.toml"
    path.write_text(ECHO.format(flip=flip, more=more), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def lite() -> Iterator[ToolsServer]:
    with ToolsServer() as server:
        yield server


@pytest.fixture(scope="module")
def both(lite: ToolsServer) -> Iterator[tuple[ToolBox, ToolBox]]:
    with ToolBox("lite") as here, ToolBox(f"remote:{lite.url}") as there:
        yield here, there


def run(toolbox: ToolBox, held: Canvas, name: str, seed: int = 3, **arguments: Any) -> Execution:
    tool = toolbox.tools[name]
    checked = check_call(tool, arguments, canvas_info(held), held.inputs)
    assert not checked.faults, checked.faults
    return asyncio.run(toolbox.call(checked, {arg: held[one] for arg, one in checked.assets.items()}, run_seed=seed))


def told(execution: Execution) -> list[Any]:
    """All that must be the same wherever a call runs."""
    outcome = execution.outcome
    pixels = outcome.picture if outcome is not None else None
    return [
        execution.fault,
        execution.key,
        execution.seed,
        execution.backend,
        replace(outcome, picture=None) if outcome is not None else None,
        (pixel_hash(pixels), pixels.info) if pixels is not None else None,
    ]


@pytest.mark.parametrize("name", list(all_tools()))
def test_every_tool_gives_the_same_here_and_there(both: tuple[ToolBox, ToolBox], name: str) -> None:
    here, there = both
    held = canvas(1)
    arguments = dict(all_tools()[name].example)
    assert told(run(here, held, name, **arguments)) == told(run(there, held, name, **arguments))


def test_alpha_masks_and_colour_profiles_survive_the_journey(both: tuple[ToolBox, ToolBox]) -> None:
    here, there = both
    held = Canvas()
    held.add_input(picture(mode="RGBA"))
    held.add_input(mask(), Kind.MASK)
    held.add_input(picture(mode="RGBA"), Kind.CUTOUT)
    held.add_input(Image.new("RGB", (1, 1), "red"))
    for image in held.imglist:
        for name, more in (("Rotate", {"angle": 33}), ("Crop", {"bbox": [0, 0, 500, 500]})):
            assert told(run(here, held, name, image=image, **more)) == told(run(there, held, name, image=image, **more))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ImageGeneration", {"prompt": "a giraffe plays chess with a submarine"}),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "make it warmer", "references": ["img_2"]}),
    ],
)
def test_refusals_come_in_the_same_words(both: tuple[ToolBox, ToolBox], name: str, arguments: dict[str, Any]) -> None:
    mine, theirs = (run(box, canvas(2), name, **arguments) for box in both)
    assert mine.fault is not None and mine.fault.stage is Stage.EXECUTION
    assert told(mine) == told(theirs)


def test_an_episode_is_the_same_and_pictures_travel_once(lite: ToolsServer) -> None:
    turns = [
        call("Crop", image="img_1", bbox=[100, 100, 900, 900]),
        call("Rotate", image="Crop_0", angle=45),
        call("SAM", image="img_1", bbox=[200, 250, 600, 850]),
        call("Extract", image="img_1", mask="SAM_0"),
        call("Overlayer", base_image="Rotate_0", overlay_type="object", content="Extract_0"),
        call("Crop", image="nowhere", bbox=[0, 0, 10, 10]),
        end(),
    ]
    before = lite.metric("canvasagent_uploaded_bytes_total")
    given = picture((120, 90))
    runs = [
        Agent(ListPolicy(turns), profile).run(Task("work", (given,)), seed=5)
        for profile in ("lite", f"remote:{lite.url}")
    ]
    seen = [[turn.observation for turn in run.turns] for run in runs]
    pixels = [[run.asset(record.id).pixel_hash for record in run.assets] for run in runs]
    assert seen[0] == seen[1] and pixels[0] == pixels[1]
    assert [record.lineage for record in runs[0].assets] == [record.lineage for record in runs[1].assets]
    sent = lite.metric("canvasagent_uploaded_bytes_total") - before
    assert 120 * 90 * 3 < sent < 120 * 90 * 3 * 1.3, "the input is sent once, and nothing that the server made"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ToolsServer, Path]]:
    """A server of few tools, and the folder that holds its profile."""
    folder = tmp_path_factory.mktemp("echo")
    with ToolsServer(("--profile", profile_file(folder), "-q")) as server:
        yield server, folder


def test_a_server_that_is_restarted_in_the_middle_of_an_episode_is_no_trouble(echo: tuple[ToolsServer, Path]) -> None:
    server, folder = echo

    class Restarting(ListPolicy):
        async def act(self, messages: Any, on_text: Any = None) -> Any:
            if sum(message.role == "assistant" for message in messages) == 2:
                await asyncio.to_thread(server.restart)
            return await super().act(messages, on_text)

    turns = [
        call("Rotate", image="img_1", angle=45),
        call("Crop", image="Rotate_0", bbox=[100, 100, 900, 900]),
        call("Rotate", image="Crop_0", angle=30),
        call("Crop", image="img_1", bbox=[0, 0, 500, 500]),
        end(),
    ]
    done = Agent(Restarting(turns), f"remote:{server.url}").run("work", [picture()])
    here = Agent(ListPolicy(turns), profile_file(folder)).run("work", [picture()])
    assert [turn.observation for turn in done.turns] == [turn.observation for turn in here.turns]
    assert done.asset("Rotate_1").pixel_hash == here.asset("Rotate_1").pixel_hash


def test_references_are_sent_once_and_by_hash(echo: tuple[ToolsServer, Path]) -> None:
    server, folder = echo
    given = [picture((200, 150)), picture((150, 200)).rotate(180), mask((40, 40)).convert("RGB")]
    turns = [
        call("ImageEdit", image="img_1", edit_prompt="the colours of the second picture", references=["img_2"]),
        call("ImageEdit", image="img_1", edit_prompt="all of them", references='["img_3", "ImageEdit_0"]'),
        call("ImageEdit", image="img_1", edit_prompt="all of them", references=["img_2", "img_9"]),
        call("ImageEdit", image="img_1", edit_prompt="too many", references=["img_2", "img_3", "ImageEdit_0"]),
        end(),
    ]
    before = server.metric("canvasagent_uploaded_bytes_total")
    runs = [
        Agent(ListPolicy(turns), profile).run("mix them", given)
        for profile in (f"remote:{server.url}", profile_file(folder))
    ]
    there, here = ([turn.observation for turn in each.turns] for each in runs)
    assert there == here and "'img_9'" in str(here[2]) and "no more than 2" in str(here[3])
    for name in ("ImageEdit_0", "ImageEdit_1"):
        assert runs[0].asset(name).pixel_hash == runs[1].asset(name).pixel_hash
        assert runs[0].record_of(name).key == runs[1].record_of(name).key
    pixels = sum(each.width * each.height * 3 for each in given)
    assert pixels < server.metric("canvasagent_uploaded_bytes_total") - before < pixels * 1.1


def test_another_profile_behind_the_same_address_is_told_not_mixed_in(echo: tuple[ToolsServer, Path]) -> None:
    server, folder = echo
    with ToolBox(f"remote:{server.url}") as box:
        assert run(box, canvas(1), "Flip", image="img_1").fault is None
        profile_file(folder, more="[options.Flip]\nseconds = 0.01")
        server.restart()
        fault = run(box, canvas(2), "Flip", image="img_2").fault
    assert fault is not None and fault.stage is Stage.INFRASTRUCTURE and "409" in fault.message


def test_a_server_that_is_gone_is_infrastructure_and_costs_the_policy_nothing(
    echo: tuple[ToolsServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.3)
    server, _ = echo
    with ToolBox(f"remote:{server.url}") as box:
        assert run(box, canvas(1), "Flip", image="img_1").fault is None
        server.stop(signal.SIGKILL)
        done = Agent(ListPolicy([call("Rotate", image="img_1", angle=90), end()]), box).run("work", [picture()])
    (failed,) = [turn.call for turn in done.turns if turn.call is not None]
    assert [fault.stage for fault in failed.faults] == [Stage.INFRASTRUCTURE]
    assert "did not answer" in failed.faults[0].message
    assert done.status != "failed"
    from canvasagent.rewards.hybrid import score

    found = score(done, "paper", {})
    assert found.counts.infrastructure == 1 and found.counts.failed == 0 and found.penalties.error == 0


def test_answers_that_break_off_are_asked_for_again(lite: ToolsServer) -> None:
    held = Canvas()
    held.add_input(picture((300, 200)))
    cuts = {2: 0, 3: 10, 4: 400, 5: 50_000}  # after the list of tools and the upload
    with Cutting(lite.port, cuts) as line, ToolBox(f"remote:{line.url}") as there, ToolBox("lite") as here:
        mine = run(here, held, "Rotate", image="img_1", angle=33)
        assert told(run(there, held, "Rotate", image="img_1", angle=33)) == told(mine)
        assert line.sent == 7


def test_a_worker_killed_in_the_middle_of_a_call_is_replaced_and_the_call_done(tmp_path: Path) -> None:
    slow = profile_file(tmp_path, more="[options.Flip]\nseconds = 1.0")
    with ToolsServer(("--profile", slow, "--isolate", "-q")) as server, ToolBox(f"remote:{server.url}") as box:
        killed: list[int] = []
        done: list[Execution] = []

        def kill() -> None:
            while not killed and not done:
                time.sleep(0.5)  # into the call
                for child in psutil.Process(server.process.pid).children(recursive=True):
                    if "isolated" in " ".join(child.cmdline()):
                        child.kill()
                        killed.append(child.pid)

        thread = threading.Thread(target=kill)
        thread.start()
        done.append(run(box, canvas(1), "Flip", image="img_1"))
        thread.join()
        outcome = done[0].outcome
        assert killed and done[0].fault is None and outcome is not None
        assert outcome.picture is not None and pixel_hash(outcome.picture) == pixel_hash(picture())


def test_a_backend_that_always_dies_ends_in_a_typed_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CRASHES", 1)
    dying = profile_file(tmp_path, "Dying")
    with ToolsServer(("--profile", dying, "-q")) as server, ToolBox(f"remote:{server.url}") as box:
        held = Canvas()
        held.add_input(Image.new("RGB", (8, 8)))
        fault = run(box, held, "Flip", image="img_1").fault
        assert fault is not None and fault.stage is Stage.INFRASTRUCTURE and "died" in fault.message
        assert server.ask("GET", "/healthz").status == 200


def test_a_picture_that_many_calls_need_is_sent_once(lite: ToolsServer) -> None:
    held = Canvas()
    held.add_input(picture((200, 150)))
    before = lite.metric('canvasagent_requests_total{route="/v1/pictures/{id}",status="201"}')

    async def many(box: ToolBox) -> list[Execution]:
        calls = []
        for number in range(8):
            raw = {"image": "img_1", "bbox": [number, 0, 900, 900]}
            checked = check_call(box.tools["Crop"], raw, canvas_info(held), 1)
            calls.append(box.call(checked, {"image": held["img_1"]}))
        return await asyncio.gather(*calls)

    with ToolBox(f"remote:{lite.url}") as box:
        assert all(one.fault is None for one in asyncio.run(many(box)))
    assert lite.metric('canvasagent_requests_total{route="/v1/pictures/{id}",status="201"}') == before + 1


@pytest.mark.parametrize("key", ["no hash at all", "0" * 64])
def test_a_carried_picture_is_sent_by_its_pixels(both: tuple[ToolBox, ToolBox], key: str) -> None:
    here, there = both
    first = run(here, canvas(1), "Rotate", image="img_1", angle=45).outcome
    assert first is not None and first.picture is not None
    held = canvas(1)
    lineage = held["SAM_0"].lineage
    held.add(Asset("Rotate_0", Kind.IMAGE, first.picture, key, lineage))
    assert told(run(here, held, "Flip", image="Rotate_0")) == told(run(there, held, "Flip", image="Rotate_0"))


def test_a_server_without_keys_answers_to_no_name_of_others(lite: ToolsServer) -> None:
    assert lite.ask("GET", "/v1/tools", host="evil.example").status == 421
    assert lite.ask("GET", "/v1/tools", host="localhost:1").status == 200


def test_a_wrong_key_and_another_sort_of_server_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chat_server import ChatServer

    monkeypatch.setenv("CANVASAGENT_TOOLS_KEY", "a-wrong-secret-key")
    with ChatServer() as other, pytest.raises(InputError, match="does not answer as a tool server"):
        load_profile(f"remote:{other.url}")
    keys = tmp_path / "keys.toml"
    keys.write_text('[a]\nkey = "a-long-key-that-is-right"', "utf-8")
    with ToolsServer(("--profile", profile_file(tmp_path), "--keys", str(keys), "-q")) as server:
        with pytest.raises(InputError, match=r"not known.*CANVASAGENT_TOOLS_KEY") as raised:
            load_profile(f"remote:{server.url}")
        assert "secret" not in str(raised.value)
        monkeypatch.setenv("CANVASAGENT_TOOLS_KEY", "a-long-key-that-is-right")
        with ToolBox(f"remote:{server.url}?pictures=png") as box:
            assert told(run(box, canvas(1), "Rotate", image="img_1", angle=33))[0] is None


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("remote:", InputError, "needs a URL"),
        ("remote:ftp://host", InputError, "needs a URL"),
        ("remote:http://user:secret@host", InputError, "CANVASAGENT_TOOLS_KEY"),
        ("remote:http://127.0.0.1:9/?colour=red", InputError, "pictures=png"),
        ("remote:http://127.0.0.1:99999", InputError, "no URL"),
        ("remote:http://127.0.0.1:9", BackendFailure, "does not answer"),
    ],
)
def test_a_wrong_address_is_told(spec: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        load_profile(spec)
    assert "secret" not in str(raised.value)
