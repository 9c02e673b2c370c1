"""A run that is stopped in the middle, by Ctrl-C or by force, goes on as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from canvasagent import Trajectory
from chat_server import Answer, ChatServer, Hang, Request
from cli_helpers import CROP, FLIP, Shell
from helpers import call, end

TEXTS = [CROP, FLIP, call("Rotate", image="Flip_0", angle=30), end()]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


class Stalling:
    """Answers with `TEXTS`; the first time that it is asked for turn `at`, it hangs."""

    def __init__(self, at: int) -> None:
        self.at, self.stalled = at, threading.Event()

    def __call__(self, request: Request) -> Answer | Hang:
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn == self.at and not self.stalled.is_set():
            self.stalled.set()
            return Hang(30)
        return Answer(TEXTS[turn])


def start(shell: Shell, server: ChatServer) -> subprocess.Popen[str]:
    return shell.start("run", "x", "-i", "a.png", "--policy", "openai:m", "--base-url", server.url, "--json")


def only_run(shell: Shell) -> Path:
    (folder,) = (shell.folder / "runs").iterdir()
    return folder


def wait_for_turns(folder: Path, count: int) -> None:
    """What was taken is written in the background, so the last turn may take a moment."""
    for _ in range(100):
        if len(json.loads((folder / "trajectory.json").read_text())["turns"]) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("the turns were not written")


def test_kill_9_then_resume_gives_the_same_pixels(shell: Shell) -> None:
    stalling = Stalling(at=2)
    with ChatServer(stalling) as server:
        process = start(shell, server)
        assert stalling.stalled.wait(20)
        folder = only_run(shell)
        wait_for_turns(folder, 2)
        process.kill()
        process.communicate()
        assert Trajectory.load(folder).status == "running"
        said = shell("run", "--resume", folder, "-o", "resumed.png", "--json")
    whole = shell.run(TEXTS, "-o", "whole.png", "--runs-dir", "others")
    assert said.code == whole.code == 0
    assert said.object["tool_calls"] == whole.object["tool_calls"] == ["Crop", "Flip", "Rotate"]
    resumed, uninterrupted = Trajectory.load(folder), Trajectory.load(whole.object["run_dir"])
    assert resumed.record_of("Rotate_0").pixel_hash == uninterrupted.record_of("Rotate_0").pixel_hash
    assert resumed.record_of("Rotate_0").key == uninterrupted.record_of("Rotate_0").key


def test_ctrl_c_keeps_the_record_and_says_how_to_go_on(shell: Shell) -> None:
    stalling = Stalling(at=1)
    with ChatServer(stalling) as server:
        process = start(shell, server)
        assert stalling.stalled.wait(20)
        folder = only_run(shell)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 130
        told = json.loads(out)
        assert told["status"] == "failed" and told["tool_calls"] == ["Crop"]
        assert f"canvasagent run --resume runs/{folder.name}" in told["error"] and told["error"] in err
        assert "Traceback" not in err
        assert shell("run", "--resume", folder.name, "--json").object["status"] == "met"


def test_ctrl_c_does_not_wait_for_a_tool_that_computes(shell: Shell) -> None:
    """A thread cannot be stopped; the process is left without waiting for it, once the record is written."""
    (shell.folder / "sleepy.py").write_text(
        "import pathlib, time\n"
        "class Backend:\n"
        "    tool, version, stochastic, may_hang = 'Crop', '1', False, False\n"
        "    def __init__(self, config): pass\n"
        "    def __call__(self, image, box):\n"
        "        pathlib.Path('asleep').touch(); time.sleep(60)\n"
    )
    (shell.folder / "sleepy.toml").write_text('extends = "lite"\n[backends]\nCrop = "sleepy:Backend"\n')
    policy = shell.turns(CROP, end())
    process = shell.start("run", "x", "-i", "a.png", "--policy", policy, "--profile", "sleepy.toml")
    for _ in range(200):
        if (shell.folder / "asleep").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130 and out == ""
    assert "stopped; go on with: canvasagent run --resume runs/" in err and "Traceback" not in err
    assert Trajectory.load(only_run(shell)).status == "running"
