"""The time that a call on the tool server may take, and what becomes of its thread, its process and its client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import pickle
from pathlib import Path

import psutil
import pytest
from PIL import Image

from canvasagent import ToolBox
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Canvas
from canvasagent.cli import main
from canvasagent.faults import Stage
from canvasagent.scale.replica import Replica
from canvasagent.testing.samples import picture
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call
from test_serving_remote import run
from tools_server import Answer, ToolsServer
from waiting import wait_until

TIMED = """
name = "timed"
[backends]
Flip = "backends_for_tests:{flip}"
Crop = "lite/crop"
[options.Flip]
flag = "{folder}/flag"
log = "{folder}/log"
"""
SECONDS = 0.7
DARK, OTHER_DARK, BRIGHT = ((number, 0, blue) for number, blue in ((0, 0), (1, 0), (0, 255)))


def timed(folder: Path, flip: str, *more: str, seconds: float = SECONDS) -> ToolsServer:
    (folder / "timed.toml").write_text(TIMED.format(flip=flip, folder=folder), "utf-8")
    limits = ("--concurrency", "2", "--call-timeout", str(seconds), "--progress-seconds", "0.1")
    return ToolsServer(("--profile", str(folder / "timed.toml"), *limits, *more))


def flip(server: ToolsServer, color: tuple[int, int, int], **headers: str) -> Answer:
    return server.call("Flip", {"image": server.put(Image.new("RGB", (8, 8), color)).json["id"]}, **headers)


def timed_out(answer: Answer, seconds: float = SECONDS) -> bool:
    words = answer.json["error"]["message"]
    return (answer.status, answer.problem) == (504, "call_timeout") and f"{seconds:g} s (--call-timeout)" in words


def wait_for(server: ToolsServer, **gauges: int) -> None:
    """Wait until these counts of calls are reached."""
    wait_until(
        lambda: all(server.metric(f"canvasagent_calls_{name}") == value for name, value in gauges.items()), str(gauges)
    )


@pytest.mark.parametrize("flip_backend", ["Stalling", "StallingBatch"])
def test_a_call_whose_time_is_over_fails_and_its_thread_counts_until_it_is_done(
    tmp_path: Path, flip_backend: str
) -> None:
    with timed(tmp_path, flip_backend) as server:
        assert flip(server, BRIGHT).status == 200
        assert timed_out(flip(server, DARK))
        wait_for(server, running=1, abandoned=1)  # the thread still works
        assert timed_out(flip(server, DARK)), "who asks again gets no second thread"
        wait_for(server, running=1, abandoned=1)
        assert len((tmp_path / "log").read_text().splitlines()) == 2
        assert flip(server, (9, 9, 9)).status == 200, "there is another worker"

        line = flip(server, OTHER_DARK, accept="application/x-ndjson")
        last = json.loads(line.body.splitlines()[-1])
        assert (last["event"], last["status"], last["error"]["type"]) == ("failed", 504, "call_timeout")
        stuck = flip(server, (8, 8, 8))  # waits until it is known that no worker will be free
        assert (stuck.status, stuck.problem) == (503, "workers_stuck") and "--isolate" in stuck.json["error"]["message"]
        assert flip(server, (7, 7, 7)).problem == "workers_stuck"
        ready = server.ask("GET", "/readyz")
        assert (ready.status, ready.problem) == (503, "not_ready") and "stuck" in ready.json["error"]["message"]
        name = server.put(picture()).json["id"]
        assert server.ask("GET", f"/v1/pictures/{name}").status == 200

        (tmp_path / "flag").touch()
        wait_for(server, running=0, abandoned=0)
        assert server.ask("GET", "/readyz").status == 200
        assert flip(server, (8, 8, 8)).status == 200 and flip(server, DARK).status == 200
        assert server.metric('canvasagent_calls_total{end="timeout",tool="Flip"}') == 3


def test_a_process_whose_time_is_over_is_ended_and_its_worker_free(tmp_path: Path) -> None:
    with timed(tmp_path, "Stalling", "--isolate", seconds=2.0) as server:  # to start the process takes some of it
        child = started_child(server, blue=255)
        assert timed_out(flip(server, DARK), 2.0)
        child.wait(60)  # raises where it lives on
        wait_for(server, running=0, abandoned=0)
        assert server.ask("GET", "/readyz").status == 200
        assert started_child(server, blue=254).pid != child.pid


def started_child(server: ToolsServer, blue: int) -> psutil.Process:
    """The process that Flip runs in. Its start counts as time of the first call, which may be over by then."""
    bright = itertools.count(1)
    wait_until(lambda: flip(server, (next(bright), 0, blue)).status == 200, "an answer")
    (child,) = [
        each
        for each in psutil.Process(server.process.pid).children(recursive=True)
        if "isolated" in " ".join(each.cmdline())
    ]
    return child


def test_a_client_that_leaves_does_not_free_the_thread_that_works_for_it(tmp_path: Path) -> None:
    with timed(tmp_path, "Stalling") as server:
        assert flip(server, BRIGHT).status == 200
        name = server.put(Image.new("RGB", (8, 8), DARK)).json["id"]
        body = json.dumps({"arguments": {"image": name}})
        head = "POST /v1/tools/Flip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with server.raw() as line:
            line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            wait_for(server, running=1)
        wait_for(server, running=1, abandoned=1)
        (tmp_path / "flag").touch()
        wait_for(server, running=0, abandoned=0)


def test_stuck_threads_do_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    with timed(tmp_path, "Stalling") as server:
        assert timed_out(flip(server, DARK)) and server.stop() == 0


def test_the_client_says_that_the_server_ended_the_call_and_does_not_repeat_it(tmp_path: Path) -> None:
    with timed(tmp_path, "Stalling") as server, ToolBox(f"remote:{server.url}") as box:
        assert run(box, image_of(BRIGHT), "Flip", image="img_1").fault is None
        execution = run(box, image_of(DARK), "Flip", image="img_1")
        assert execution.fault is not None and execution.fault.stage is Stage.INFRASTRUCTURE
        assert f"{server.url} ended the call" in execution.fault.message
        assert f"{SECONDS:g} s (--call-timeout)" in execution.fault.message
        assert server.metric('canvasagent_requests_total{route="/v1/tools/{tool}",status="504"}') <= 1
        assert server.metric('canvasagent_calls_total{end="timeout",tool="Flip"}') == 1


def image_of(color: tuple[int, int, int]) -> Canvas:
    held = Canvas()
    held.add_input(Image.new("RGB", (8, 8), color))
    return held


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9"])
def test_a_time_limit_that_is_none_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "tools", "--port", "0", "--call-timeout", value]) == 2
    assert "--call-timeout" in capsys.readouterr().err


def test_a_copy_on_a_cluster_whose_threads_are_all_stuck_says_so(tmp_path: Path) -> None:
    options = {"Flip": {"flag": str(tmp_path / "flag")}}
    profile = Profile(name="timed", backends={"Flip": "backends_for_tests:Stalling"}, options=options)
    replica = Replica(profile, 1, 1000, 0.1)
    flip_tool = replica._box.tools["Flip"]
    held = image_of(DARK)
    checked = check_call(flip_tool, {"image": "img_1"}, canvas_info(held), 1)
    asyncio.run(replica.info("Flip"))
    replica.check_health()
    execution = asyncio.run(replica.call(checked, {"image": held["img_1"]}, 0))
    assert execution.timed_out and pickle.loads(pickle.dumps(execution)) == execution
    with pytest.raises(RuntimeError, match="stuck"):
        replica.check_health()
    (tmp_path / "flag").touch()

    def free() -> bool:
        with contextlib.suppress(RuntimeError):
            replica.check_health()
        return not replica._stuck

    wait_until(free, "the threads' end")
