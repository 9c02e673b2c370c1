"""The rest of the command line: help, show, replay, doctor, the live view, errors of our own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from canvasagent import Agent, Limits, PolicySettings
from canvasagent.cli.live import LiveView
from canvasagent.cli.options import field_texts, settings_from
from canvasagent.cli.thumbnails import HALF, can_show, thumbnail
from canvasagent.errors import InputError
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from cli_helpers import CROP, Shell
from helpers import ListPolicy, end, photo


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from canvasagent.cli import main; main(['--help'])\n"
        "heavy = {'numpy', 'PIL', 'cv2', 'openai', 'pydantic', 'onnxruntime', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("run", "tools", "tool", "show", "replay", "doctor"):
        assert f" {command} " in done.stdout


def test_version(shell: Shell) -> None:
    said = shell("--version")
    assert said.code == 0 and said.out.startswith("canvasagent ")


def test_every_setting_is_an_option_but_the_key(shell: Shell) -> None:
    text = shell("run", "--help").out
    for model in (Limits, PolicySettings):
        for name in model.model_fields:
            assert (f"--{name.replace('_', '-')} " in text) == (name != "api_key")
    assert "Most turns of a run. Default: 12." in " ".join(text.replace("│", " ").split())


def test_field_texts_and_settings() -> None:
    assert field_texts(Limits)["max_turns"] == "Most turns of a run."
    assert settings_from(Limits, {"max_turns": None}) == Limits()
    assert settings_from(Limits, {"max_turns": 3}, {"max_turns": 5, "max_cost": 1.0}) == Limits(max_turns=3, max_cost=1)
    with pytest.raises(InputError, match="--max-turns"):
        settings_from(Limits, {"max_turns": 0})


def test_unknown_command_suggests_one(shell: Shell) -> None:
    said = shell("runn")
    assert said.code == 2 and "'run'" in said.err and said.out == ""


def test_our_own_fault_is_told_as_such_and_traced_with_verbose(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Agent, *arguments: object, **options: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Agent, "arun", broken)
    said = shell("run", "x", "--json")
    assert said.code == 1 and "fault in canvasagent" in said.object["error"] and "Traceback" not in said.err
    said = shell("-v", "run", "x")
    assert said.code == 1 and "Traceback" in said.err and "ZeroDivisionError" in said.err


def test_show(shell: Shell) -> None:
    folder = Path(shell.run((CROP, end())).object["run_dir"])
    said = shell("show", folder.name)
    assert said.code == 0
    for words in ("do it", "Crop img_1, bbox [100, 100, 600, 600]", "Done", "Crop_0", str(folder / "report.html")):
        assert words in said.out
    assert (folder / "report.html").is_file()
    told = shell("show", folder, "--json").object
    assert told["status"] == "met" and told["run_dir"] == str(folder)
    said = shell("show", "nothing", "--json")
    assert said.code == 2 and "no run 'nothing'" in said.object["error"]


def test_replay(shell: Shell) -> None:
    folder = Path(shell.run((CROP, end())).object["run_dir"])
    said = shell("replay", folder.name, "--json")
    assert said.code == 0 and said.object["identical"] is True and said.object["drifts"] == []
    drifted = shell("replay", folder, "--profile", "release")
    assert drifted.code == 3 and "Crop" in drifted.out and "differs" in drifted.out
    assert shell("replay", folder, "--profile", "release", "--json").object["status"] == "unmet"
    (folder / "assets" / "img_1.png").unlink()
    assert shell("replay", folder, "--json").code == 2


def test_doctor_tells_all_and_no_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    said = shell("doctor", "--json")
    told = said.object
    assert told["ok"] is (said.code == 0)
    assert told["profiles"]["lite"]["Crop"]["ok"] and told["policies"]["scripted"]["ok"] and told["runs_dir"]["ok"]
    assert told["policies"]["openai"]["ok"], "a key is there"
    assert any(entry["package"] == "pillow" and entry["ok"] for entry in told["packages"]["core"])
    assert "OPENAI_API_KEY" in told["environment"] and "sk-very-secret" not in said.out + said.err
    assert not list(shell.folder.glob(".canvasagent-*"))
    words = shell("doctor")
    assert "--profile lite" in words.out and "sk-very-secret" not in words.out
    monkeypatch.delenv("OPENAI_API_KEY")
    assert "CANVASAGENT_API_KEY" in shell("doctor", "--json").object["policies"]["openai"]["why"]


def test_doctor_deep_finds_a_backend_that_is_broken(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from canvasagent.backends.lite import flip

    assert shell("doctor", "--deep", "--json").object["profiles"]["lite"]["Flip"]["ok"]
    monkeypatch.setattr(flip.Backend, "__call__", lambda self, **inputs: 1 / 0)
    said = shell("doctor", "--deep", "--json")
    entry = said.object["profiles"]["lite"]["Flip"]
    assert said.code == 5 and not entry["ok"] and "ZeroDivisionError" in entry["why"]


def test_thumbnail_keeps_colours_shape_and_shows_transparency() -> None:
    picture = Image.new("RGBA", (40, 20), (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (20, 0, 40, 20))
    text = thumbnail(picture, columns=8, rows=8)
    rows = text.plain.split("\n")
    assert rows == [HALF * 8] * 2
    spans = {span.start: span.style for span in text.spans}
    left, right = spans[0], spans[7]
    assert left.color.triplet == (255, 0, 0) and right.color.triplet in {(204,) * 3, (153,) * 3}  # type: ignore[union-attr]
    assert len(thumbnail(Image.new("L", (1, 1)), 8, 8).plain) == 1
    assert len(thumbnail(Image.new("RGB", (5000, 1)), 8, 8).plain) == 8


def test_pictures_only_where_the_terminal_can() -> None:
    def console(**options: object) -> Console:
        file = io.TextIOWrapper(io.BytesIO(), encoding=str(options.pop("encoding", "utf-8")))
        return Console(file=file, **options)  # type: ignore[arg-type]

    assert can_show(console(force_terminal=True, color_system="truecolor"))
    assert not can_show(console(force_terminal=True, color_system=None))
    assert not can_show(console(force_terminal=True, color_system="truecolor", encoding="latin-1"))
    assert not can_show(console(force_terminal=False))


@pytest.mark.parametrize("width", [60, 120])
def test_live_view_shows_turns_pictures_and_what_goes_on(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=width, legacy_windows=False)
    with LiveView(console) as view:
        Agent(ListPolicy([CROP, end()])).run("x", [photo(size=64)], listener=view)
    shown = file.getvalue()
    assert "img_1: image, 64 × 64" in shown and "Crop_0: image, 32 × 32" in shown
    assert shown.count(HALF) == 2 * 18 * 9, "the input and the result"


class SlowPolicy:
    """Writes its one turn in pieces, slowly."""

    name = "slow"

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        for piece in ("<reason>Half a thought", " and the other half", ".</reason>\n<Terminate>"):
            assert on_text is not None
            on_text(piece)
            await asyncio.sleep(0.3)
        return Reply(end(reason="Done."))


def test_live_view_shows_the_text_as_it_is_written() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=80, legacy_windows=False)
    with LiveView(console) as view:
        Agent(SlowPolicy()).run("x", listener=view)
    assert "turn 1: slow is writing" in file.getvalue() and "Half a thought and the other half" in file.getvalue()


def test_a_real_terminal_gets_colours_and_no_object(shell: Shell) -> None:
    """Through a pseudo-terminal, as a person runs it."""
    pty = pytest.importorskip("pty")
    policy = shell.turns(CROP, end())
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "canvasagent", "run", "x", "-i", "a.png", "--policy", policy]
    process = subprocess.Popen(command, stdout=writer, stderr=writer, cwd=shell.folder, env=environment)
    os.close(writer)
    shown = b""
    try:
        while piece := os.read(reader, 65536):
            shown += piece
    except OSError:  # Linux tells the end of a pseudo-terminal so
        pass
    assert process.wait(60) == 0
    text = shown.decode()
    assert HALF in text and "\x1b[" in text and "Crop_0.png" in text and not text.lstrip().startswith("{")


def test_json_is_one_line_of_json(shell: Shell) -> None:
    said = shell.run((CROP, end()))
    assert said.out.endswith("}\n") and said.out.count("\n") == 1 and json.loads(said.out)
