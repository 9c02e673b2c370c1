"""A command that is stopped in the middle, by a signal or by force, keeps what is done and says how to go on."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import psutil
import pytest

from canvasagent import Trajectory
from canvasagent.backends.isolated import IsolatedBackend
from canvasagent.concurrency.stop_signals import handlers_kept
from chat_server import Answer, ChatServer, Hang, Request
from cli_helpers import COMMAND, CROP, FLIP, Shell
from helpers import call, end, photo
from tools_server import ToolsServer
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("stoppable")

TEXTS = [CROP, FLIP, call("Rotate", image="Flip_0", angle=30), end()]


STOPS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
"""Each signal that stops a command, with the exit code that tells of it."""
GOES_ON = "stopped; what is done is kept, and the same command goes on with the rest."


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
            return Hang(120)
        return Answer(TEXTS[turn])


def start(shell: Shell, server: ChatServer, ignoring: str = "") -> subprocess.Popen[str]:
    return shell.start(
        "run", "x", "-i", "a.png", "--policy", "openai:m", "--base-url", server.url, "--json", ignoring=ignoring
    )


def with_folder(shell: Shell) -> str:
    """The search path of modules with the shell's folder in it, which commands leave out."""
    return os.pathsep.join([str(shell.folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def only_run(shell: Shell) -> Path:
    (folder,) = (shell.folder / "runs").iterdir()
    return folder


def wait_for_turns(folder: Path, count: int) -> None:
    """What was taken is written in the background, so the last turn may take a moment."""
    record = folder / "trajectory.json"
    wait_until(lambda: len(json.loads(record.read_text())["turns"]) >= count, "the turns' writing")


def test_kill_9_then_resume_gives_the_same_pixels(shell: Shell) -> None:
    stalling = Stalling(at=2)
    with ChatServer(stalling) as server:
        process = start(shell, server)
        assert stalling.stalled.wait(60)
        folder = only_run(shell)
        wait_for_turns(folder, 2)
        process.kill()
        process.communicate()
        assert Trajectory.load(folder).status == "running"
        said = shell("run", "--resume", folder, "--base-url", server.url, "-o", "resumed.png", "--json")
    whole = shell.run(TEXTS, "-o", "whole.png", "--runs-dir", "others")
    assert said.code == whole.code == 0
    assert said.object["tool_calls"] == whole.object["tool_calls"] == ["Crop", "Flip", "Rotate"]
    resumed, uninterrupted = Trajectory.load(folder), Trajectory.load(whole.object["run_dir"])
    assert resumed.record_of("Rotate_0").pixel_hash == uninterrupted.record_of("Rotate_0").pixel_hash
    assert resumed.record_of("Rotate_0").key == uninterrupted.record_of("Rotate_0").key


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that is about to end."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def hang(_: Request) -> Hang:
    return Hang(120)


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_a_stopped_run_keeps_its_record_and_says_how_to_go_on(shell: Shell, number: int, code: int) -> None:
    stalling = Stalling(at=1)
    with ChatServer(stalling) as server:
        process = start(shell, server)
        assert stalling.stalled.wait(60)
        folder = only_run(shell)
        process.send_signal(number)
        left, out, err = ended(process)
        told = json.loads(out)
        assert left == code and told["status"] == "failed" and told["tool_calls"] == ["Crop"]
        command = f"canvasagent run --resume runs/{folder.name} --base-url {server.url}"
        assert command in told["error"] and told["error"] in err
        assert shell(*command.split()[1:], "--json").object["status"] == "met"


def test_a_background_job_is_stopped_by_sigterm_and_by_nothing_that_it_ignores(shell: Shell) -> None:
    """A shell starts background jobs with SIGINT ignored, `nohup` ignores SIGHUP: neither is undone."""
    stalling = Stalling(at=1)
    with ChatServer(stalling) as server:
        process = start(shell, server, ignoring="INT HUP")
        assert stalling.stalled.wait(60)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    assert code == 143 and json.loads(out)["tool_calls"] == ["Crop"]
    assert "stopped; go on with: canvasagent run --resume runs/" in err
    assert Trajectory.load(only_run(shell)).status == "running"


def test_a_run_outlives_neither_its_terminal_nor_its_record(shell: Shell) -> None:
    """Closing a terminal sends SIGHUP and makes its output fail; the command ends in good order all the same."""
    stalling = Stalling(at=1)
    near, far = pty.openpty()
    with ChatServer(stalling) as server:
        process = subprocess.Popen(
            [*COMMAND, "run", "x", "-i", "a.png", "--policy", "openai:m", "--base-url", server.url],
            stdin=far,
            stdout=far,
            stderr=far,
            cwd=shell.folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(far)
        assert stalling.stalled.wait(60)
        os.close(near)
        assert process.wait(60) == 129
    assert Trajectory.load(only_run(shell)).status == "running"


@pytest.mark.parametrize(("number", "code"), STOPS[:2])
def test_a_stop_does_not_wait_for_a_tool_that_computes(shell: Shell, number: int, code: int) -> None:
    """A thread cannot be stopped; the process is left without waiting for it, once the record is written."""
    (shell.folder / "sleepy.py").write_text(
        "import pathlib, time\n"
        "class Backend:\n"
        "    tool, version, stochastic, may_hang = 'Crop', '1', False, False\n"
        "    def __init__(self, config): pass\n"
        "    def __call__(self, image, box):\n"
        "        pathlib.Path('asleep').touch(); time.sleep(600)\n"
    )
    (shell.folder / "sleepy.toml").write_text('extends = "lite"\n[backends]\nCrop = "sleepy:Backend"\n')
    policy = shell.turns(CROP, end())
    process = shell.start(
        "run", "x", "-i", "a.png", "--policy", policy, "--profile", "sleepy.toml", PYTHONPATH=with_folder(shell)
    )
    wait_until((shell.folder / "asleep").exists, "the tool's call")
    process.send_signal(number)
    left, out, err = ended(process)
    assert left == code and out == ""
    assert "stopped; go on with: canvasagent run --resume runs/" in err
    assert Trajectory.load(only_run(shell)).status == "running"


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_is_answered_though_the_main_thread_waits(shell: Shell, number: str) -> None:
    """A signal that comes as the main thread begins to wait does not end the wait; nor does this, to another thread."""
    (shell.folder / "suicidal.py").write_text(
        "import signal, threading, time\n"
        "class Backend:\n"
        "    tool, version, stochastic, may_hang = 'Crop', '1', False, False\n"
        "    def __init__(self, config): pass\n"
        "    def __call__(self, image, box):\n"
        f"        time.sleep(0.2); signal.pthread_kill(threading.get_ident(), signal.{number}); time.sleep(600)\n"
    )
    (shell.folder / "suicidal.toml").write_text('extends = "lite"\n[backends]\nCrop = "suicidal:Backend"\n')
    policy = shell.turns(CROP, end())
    process = shell.start(
        "run", "x", "-i", "a.png", "--policy", policy, "--profile", "suicidal.toml", PYTHONPATH=with_folder(shell)
    )
    code, _, err = ended(process)
    assert code == dict(STOPS)[signal.Signals[number]] and "stopped; go on with: " in err


@pytest.mark.parametrize(("number", "code"), STOPS[:2])
def test_a_stopped_batch_keeps_what_is_done(shell: Shell, number: int, code: int) -> None:
    lines = [{"id": "quick", "instruction": "x"}, {"id": "slow", "instruction": "be slow"}]
    (shell.folder / "many.jsonl").write_text(
        "".join(json.dumps({**line, "images": ["a.png"]}) + "\n" for line in lines)
    )
    results, slow = shell.folder / "runs/many/results.jsonl", shell.folder / "runs/many/slow/trajectory.json"

    def behave(request: Request) -> Answer | Hang:
        return Hang(120) if "be slow" in request.texts("user")[0] else Answer(end())

    with ChatServer(behave) as server:
        process = shell.start(
            "run", "--batch", "many.jsonl", "--policy", "openai:m", "--base-url", server.url, "--json"
        )
        wait_until(lambda: results.is_file() and results.read_text().endswith("\n") and slow.is_file(), "the quick run")
        process.send_signal(number)
        left, out, err = ended(process)
    told = json.loads(out)
    assert left == code and told["status"] == "failed" and told["met"] == 1 and GOES_ON in err
    assert [json.loads(line)["id"] for line in results.read_text().splitlines()] == ["quick"]
    assert Trajectory.load(slow.parent).status == "running"
    said = shell("run", "--batch", "many.jsonl", "--policy", shell.turns(end()), "--json")
    assert said.code == 0 and said.object["skipped"] == 1


@pytest.mark.parametrize(
    ("arguments", "words", "ignoring"),
    [
        (("eval", "--bench", "bench.jsonl", "--policy", "openai:m", "--judge", "none"), GOES_ON, "INT"),
        (("run", "--batch", "bench.jsonl", "--policy", "openai:m"), GOES_ON, "INT"),
        (("judge", "check", "made", "--judge", "endpoint:m"), "stopped.", "INT"),
        (("score", "made", "--judge", "endpoint:m"), "stopped.", ""),
        (("craft", "sft", "--out", "data", "--writer", "endpoint:m"), GOES_ON, "INT"),
        (("craft", "rl", "--out", "data", "--writer", "endpoint:m"), GOES_ON, ""),
    ],
)
def test_sigterm_in_the_middle_of_any_command_ends_it_with_words(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str, ignoring: str
) -> None:
    """Each waits for an endpoint that does not answer; where SIGINT is ignored event loops have no handler for it."""
    (shell.folder / "bench.jsonl").write_text(json.dumps({"id": "x", "instruction": "x", "images": ["a.png"]}))
    shell.run((CROP, end()), "--runs-dir", "runs")
    only_run(shell).rename(shell.folder / "made")
    with ChatServer(hang) as server:
        for service in ("OPENAI", "CANVASAGENT_JUDGE", "CANVASAGENT_WRITER"):
            monkeypatch.setenv(f"{service}_BASE_URL", server.url)
            monkeypatch.setenv(f"{service}_API_KEY", "k")
        process = shell.start(*arguments, ignoring=ignoring)
        wait_until(lambda: server.requests or process.poll() is not None, "a request")
        process.send_signal(signal.SIGTERM)
        code, _, err = ended(process)
    assert (code, err.splitlines()[-1:]) == (143, [words])


@pytest.mark.parametrize("at_work", [True, False])
def test_a_signal_to_the_whole_group_ends_a_build_and_its_workers_in_good_order(shell: Shell, at_work: bool) -> None:
    """`timeout` and terminals send it to all: the workers leave it to the process that commands them."""
    process = shell.start("craft", "sft", "--out", "data", "-n", "200", "--workers", "2")
    assert process.stderr is not None
    if at_work:
        assert "of 200 records" in process.stderr.readline()
    else:
        wait_until(lambda: len(psutil.Process(process.pid).children()) == 3, "the workers' start")  # and their tracker
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGTERM)
    code, out, err = ended(process)
    assert (code, out, err.splitlines()[-1:]) == (143, "", [GOES_ON])
    assert not psutil.wait_procs(workers, timeout=60)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_tool_server_ends_in_good_order(number: int) -> None:
    with ToolsServer() as server:
        assert server.stop(number) == 0


def test_a_backends_process_leaves_signals_to_its_parent() -> None:
    """A signal to the whole group must not take the process away in the middle of a call that its parent finishes."""
    alone = IsolatedBackend("backends_for_tests:Echo", {}, 60.0)
    try:
        before = alone(image=photo(size=16)).tobytes()
        process = alone._process
        assert process is not None
        for number, _ in STOPS:
            process.send_signal(number)
        assert alone(image=photo(size=16)).tobytes() == before and alone._process is process
    finally:
        alone.close()


def test_a_library_cannot_take_the_handlers_over() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with handlers_kept():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as `ray.init` does
    assert signal.getsignal(signal.SIGTERM) is before


def test_handlers_are_set_for_the_command_only(shell: Shell) -> None:
    before = [signal.getsignal(number) for number, _ in STOPS]
    assert shell.run().code == 0
    assert [signal.getsignal(number) for number, _ in STOPS] == before
