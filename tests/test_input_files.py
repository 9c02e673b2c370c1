"""What is no regular file is refused, whichever option names it; standard input has its own name, `-`."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canvasagent import Trajectory
from canvasagent.cli import command_line
from canvasagent.cli import stdin as standard_input
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.evaluation.ablation import read_published
from canvasagent.evaluation.runner import SETUP_NAME
from canvasagent.evaluation.study.design import Study
from canvasagent.evaluation.study.package import KEY_NAME
from canvasagent.evaluation.study.ratings import read_ratings
from canvasagent.record.trajectory import RECORD_NAME
from canvasagent.storage.input_files import regular_file
from canvasagent.weights.files import locate
from cli_helpers import COMMAND, CROP, Shell
from craft_data import build, build_tasks
from helpers import end, photo

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here"),
    pytest.mark.timeout(60),  # who opens the pipe waits for ever
]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


SERVE = ("serve", "tools", "--port", "0")
CASES = {
    "run --image": ("run", "x", "-i", "{pipe}"),
    "run --batch": ("run", "--batch", "{pipe}"),
    "run --batch, a picture of it": ("run", "--batch", "names_pipe.jsonl"),
    "run --profile": ("run", "x", "--profile", "{pipe}.toml"),
    "run --policy": ("run", "x", "--policy", "replay:{pipe}"),
    "run --policy, a folder": ("run", "x", "--policy", "replay:folder"),
    "tool --image": ("tool", "crop", "--image", "{pipe}", "--bbox", "0,0,500,500", "-o", "out.png"),
    "train sft --config": ("train", "sft", "--model", "m", "--data", "d", "--out", "o", "--config", "{pipe}"),
    "train grpo --config": ("train", "grpo", "--model", "m", "--tasks", "d", "--out", "o", "--config", "{pipe}"),
    "eval --checks": ("eval", "--policy", "scripted", "--checks", "{pipe}.py"),
    "eval --bench": ("eval", "--policy", "scripted", "--bench", "{pipe}.jsonl"),
    "table": ("table", "folder"),
    "judge check --earlier": ("judge", "check", "run", "--earlier", "{pipe}"),
    "study import --study": ("study", "import", "a.png", "--study", "folder"),
    "craft import path": ("craft", "import", "{pipe}.json", "--out", "data"),
    "craft sft --mix": ("craft", "sft", "--out", "data", "--mix", "{pipe}.toml"),
    "craft sft --images": ("craft", "sft", "--out", "data", "--images", "released:{pipe}"),
    "craft sft --images, lines": ("craft", "sft", "--out", "data", "--images", "hf:{pipe}.jsonl"),
    "craft chains --file": ("craft", "chains", "--file", "{pipe}"),
    "craft chains --mix": ("craft", "chains", "--mix", "{pipe}"),
    "craft stats": ("craft", "stats", "folder"),
    "craft export --filter": ("craft", "export", "data", "-f", "hf", "-o", "exported", "--filter", "{pipe}"),
    "craft review --import": ("craft", "review", "data", "--import", "{pipe}"),
    "serve tools --keys": (*SERVE, "--keys", "{pipe}"),
    "serve tools --sharing": (*SERVE, "--engine", "ray", "--sharing", "{pipe}"),
    "serve tools --tls-certificate": (*SERVE, "--tls-certificate", "{pipe}"),
    "serve tools --tls-key": (*SERVE, "--tls-certificate", "a.png", "--tls-key", "{pipe}"),
    "profile plan --profile": ("profile", "plan", "--gpus", "1x24GB", "--profile", "{pipe}.toml"),
    "models verify": ("models", "verify", "{pipe}"),
}
"""For each option or argument that names a file a command that gives it a pipe."""
LATER = {
    "table --published": read_published,
    "study import files": lambda path: read_ratings(Study.model_construct(items=[], raters={}), [path]),
    "weights of a profile": lambda path: locate(f"./{path}"),
}
"""Those that are read only after something else: what reads them."""
NOT_READ = {"profile new file"}
"""What names a file to write, beside `--out`."""


@pytest.fixture
def pipes(shell: Shell) -> Iterator[str]:
    """Pipes under each name, and in the folder `folder` under each name of a file of ours."""
    (shell.folder / "folder").mkdir()
    inside = (f"folder/{name}" for name in (RECORD_NAME, "dataset.json", SETUP_NAME, KEY_NAME))
    made = [shell.folder / name for name in ("pipe", "pipe.toml", "pipe.json", "pipe.jsonl", "pipe.py", *inside)]
    for pipe in made:
        os.mkfifo(pipe)
    yield "pipe"
    for pipe in made:  # a thread that waits for a writer would outlive a failed test
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.parametrize("name", CASES)
def test_a_pipe_in_place_of_a_file_is_refused(shell: Shell, pipes: str, name: str) -> None:
    arguments = [argument.replace("{pipe}", pipes) for argument in CASES[name]]
    if "data" in arguments[:3]:
        (build_tasks if "review" in name else build)(shell.folder / "data")
    (shell.folder / "names_pipe.jsonl").write_text(json.dumps({"instruction": "x", "images": ["pipe"]}))
    if "run" in arguments[2:3]:
        shell.run((CROP, end()))
        (only,) = (shell.folder / "runs").iterdir()
        only.rename(shell.folder / "run")
    said = shell(*arguments)
    assert said.code in (2, 5) and "is a pipe, not a regular file" in said.err, said.err


def test_each_option_that_names_a_file_is_tried() -> None:
    """Options and arguments with FILE in what help calls their value."""
    found = set()

    def look(command: Any, path: tuple[str, ...]) -> None:
        for name, below in getattr(command, "commands", {}).items():
            look(below, (*path, name))
        for option in command.params if not hasattr(command, "commands") else ():
            if "FILE" in str(option.metavar) and "--out" not in option.opts:
                found.add(" ".join((*path[: 1 if path[0] == "tool" else None], option.opts[0])))

    look(command_line([], every=True), ())
    tried = {name.partition(",")[0] for name in (*CASES, *LATER)}
    assert {name for name in found if not name.startswith("tool ")} - NOT_READ <= tried
    assert any(name.startswith("tool ") for name in found)


@pytest.mark.parametrize("name", LATER)
def test_what_is_read_later_is_no_pipe_either(pipes: str, name: str) -> None:
    with pytest.raises(CanvasAgentError, match="is a pipe, not a regular file"):
        LATER[name](Path(pipes))


def test_a_device_and_a_socket_are_no_regular_files_and_what_a_link_leads_to_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for passes in ("file", "link", ".", "missing", "nul\0"):
        assert regular_file(tmp_path / passes) == tmp_path / passes
    with pytest.raises(InputError, match="zero' is a device, not a regular file"):
        regular_file(tmp_path / "zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        with pytest.raises(InputError, match="is a socket"):
            regular_file(tmp_path / "socket")


def piped(shell: Shell, data: bytes, *arguments: str) -> tuple[int, str, str]:
    """A command with `data` on its standard input: exit code, output, errors."""
    done = subprocess.run(
        [*COMMAND, *arguments], input=data, capture_output=True, cwd=shell.folder, timeout=100, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def png() -> bytes:
    buffer = io.BytesIO()
    photo(size=64).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_comes_through_standard_input(shell: Shell) -> None:
    policy = shell.turns(CROP, end())
    code, out, err = piped(shell, png(), "run", "x", "-i", "-", "-i", "a.png", "--policy", policy, "--json")
    assert code == 0, err
    record = Trajectory.load(json.loads(out)["run_dir"])
    assert record.picture("img_1").tobytes() == photo(size=64).tobytes()
    code, out, err = piped(shell, png(), "tool", "flip", "--image", "-", "-o", "out.png")
    assert (code, out) == (0, "out.png\n"), err


def test_requests_come_through_standard_input(shell: Shell) -> None:
    line = json.dumps({"id": "one", "instruction": "x", "images": ["a.png"]}).encode()
    arguments = ("run", "--batch", "-", "--policy", shell.turns(CROP, end()), "--json")
    code, out, err = piped(shell, line, *arguments)
    assert code == 0 and json.loads(out)["met"] == 1, err
    assert Trajectory.load(shell.folder / "runs/stdin/one").status == "met"
    assert json.loads(piped(shell, line, *arguments)[1])["skipped"] == 1
    code, _, err = piped(shell, b"{", *arguments)
    assert code == 2 and "standard input cannot be used" in err and "line 1: not JSON" in err


def test_bad_standard_input_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "standard input is empty" in piped(shell, b"", "run", "x", "-i", "-")[2]
    assert "the picture is not a picture" in piped(shell, b"hello", "run", "x", "-i", "-")[2]
    assert "holds one picture" in shell("run", "x", "-i", "-", "-i", "-").err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 11)))
    monkeypatch.setattr(standard_input, "MAX_BYTES", 10)
    assert "holds more than" in shell("run", "x", "-i", "-").err
    near, far = os.openpty()
    with os.fdopen(far) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert "standard input is a terminal" in shell("run", "x", "-i", "-").err
    os.close(near)


def test_a_picture_of_a_record_that_is_a_pipe_is_refused(shell: Shell) -> None:
    made = Path(shell.run((CROP, end())).object["run_dir"])
    (made / "assets" / "Crop_0.png").unlink()
    os.mkfifo(made / "assets" / "Crop_0.png")
    with pytest.raises(InputError, match="is a pipe, not a regular file"):
        Trajectory.load(made).picture("Crop_0")


def test_a_list_of_runs_shows_one_whose_record_is_a_pipe_as_damaged(shell: Shell, pipes: str) -> None:
    said = shell("runs", "--runs-dir", ".")
    assert said.code == 0 and "folder" in said.out and "damaged" in said.out
