"""What is printed: on any encoding, and without anything in foreign text that could steer a terminal."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

import canvasagent
from canvasagent.cli import command_line, main
from canvasagent.cli.completion import _beginning
from canvasagent.cli.terminal import any_encoding, console, harmless, harmless_json
from cli_helpers import Shell
from helpers import call, end, photo
from test_cli_help import commands

EVIL = "a\x1b[31mred\x07\r\x9b2Jb\u202egpj.\u2066x\u2028y"
"""A text that would colour, ring, go back, clear the screen and show itself reversed."""
SHOWN = "[31mred"
"""A part of it that is harmless."""


def dangers(text: str) -> set[str]:
    """Characters in `text` that a terminal obeys, or that reorder what it shows."""
    kinds = {"Cc": "\n\t", "Cs": "", "Zl": "", "Zp": ""}
    bad = {char for char in text if unicodedata.category(char) in kinds and char not in "\n\t"}
    return bad | {
        char for char in text if unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI")
    }


class Streams:
    """Standard output and error with an encoding of their own, as strict as Python makes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
        self.encoding = encoding
        self._out, self._err = io.BytesIO(), io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(self._out, encoding=encoding, write_through=True))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(self._err, encoding=encoding, write_through=True))

    def take(self) -> tuple[str, str]:
        """What was written since."""
        texts = []
        for stream in (self._out, self._err):
            texts.append(stream.getvalue().decode(self.encoding))
            stream.seek(0)
            stream.truncate()
        return texts[0], texts[1]


# ── encodings ────────────────────────────────────────────────────────────────────────────────────────────

PATHS = [path for path, command in commands(command_line([], every=True))]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "shift_jis"])
def test_help_of_every_command(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """In one encoding all of them, in the others a share each: every page takes some milliseconds."""
    streams = Streams(monkeypatch, encoding)
    share = {"ascii": 1, "cp1252": 4, "cp437": 7, "shift_jis": 7}[encoding]
    for path in PATHS[::share]:
        assert main([*path, "--help"]) == 0
        out, err = streams.take()
        assert "Usage" in out and not err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "command", ["doctor", "tools", "craft chains", "craft chains Flip", "craft bench", "profile plan"]
)
def test_commands_on_a_poor_encoding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    streams = Streams(monkeypatch, encoding)
    main(command.split())
    out, err = streams.take()
    assert out and "fault" not in err and "PYTHONIOENCODING" not in out + err


def test_doctor_in_a_process_of_its_own(shell: Shell) -> None:
    said = shell.process("doctor", PYTHONIOENCODING="ascii", COLUMNS="100")
    assert said.code in (0, 5) and "Packages" in said.out and "fault" not in said.err
    said = shell.process("craft", "chains", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LANG="C")
    assert said.code == 0 and "+--" in said.out and "chains" in said.out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_is_whole_on_every_encoding(monkeypatch: pytest.MonkeyPatch, shell: Shell, encoding: str) -> None:
    (shell.folder / "bild→é.png").write_bytes((shell.folder / "a.png").read_bytes())
    policy = shell.turns(call("Flip", image="img_1"), end())
    streams = Streams(monkeypatch, encoding)
    assert main(["run", "spiegeln", "-i", "bild→é.png", "-o", "ende→é.png", "--policy", policy, "--json"]) == 0
    assert json.loads(streams.take()[0])["final"] == "ende→é.png"


def test_json_loses_nothing() -> None:
    value = {EVIL: [EVIL, "→é\udcff", 1.5, None]}
    for encoding in ("ascii", "cp1252", "utf-8"):
        text = harmless_json(value, encoding)
        assert json.loads(text) == value and not dangers(text) and text.encode(encoding)
    assert "→é" in harmless_json(value, "utf-8")


def test_what_stands_for_characters_that_are_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(monkeypatch, "ascii")
    with any_encoding():
        sys.stdout.write("→ × … é ﬁ 猫 \udcff \U0001f600")
    assert streams.take()[0] == "-> x ... e fi ? ? ?"
    with pytest.raises(UnicodeEncodeError):
        sys.stdout.write("→")


# ── foreign text ─────────────────────────────────────────────────────────────────────────────────────────


def test_harmless() -> None:
    text = harmless(EVIL)
    assert not dangers(text) and dangers(EVIL) and SHOWN in text and len(text) == len(EVIL)
    plain = "Zeile 1\n\tZeile 2 שלום 👩\u200d👧 ة"
    assert harmless(plain) == plain
    every = "".join(map(chr, range(0x110000)))
    assert not dangers(harmless(every))


def folder_of(tmp_path: Path, text: str) -> str:
    """A folder named so, as far as the file system takes it."""
    (tmp_path / text).mkdir()
    return text


def test_names_and_texts_of_a_run(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    picture, result = f"{EVIL}.png", f"out{EVIL}.png"
    photo(size=64).convert("CMYK").save("a.tif")  # its conversion is noted, with the file's name
    Path("a.tif").rename(f"{EVIL}.tif")
    (shell.folder / picture).write_bytes((shell.folder / "a.png").read_bytes())
    calls = [
        call("Crop", f"I {EVIL} crop", image="img_1", bbox=[0, 0, 500, 500]),
        call(EVIL, EVIL, **{EVIL: EVIL}),
        call("Flip", image=EVIL),
        end(reason=f"Not done: {EVIL}"),
    ]
    policy = shell.turns(*calls, name=f"turns{EVIL}.json")
    said = [shell("run", f"do {EVIL}", "-i", picture, "-i", f"{EVIL}.tif", "-o", result, "--policy", policy)]
    said += [shell("show", "last"), shell("runs"), shell("score", "last"), shell("replay", "last", "--profile", "lite")]
    assert all(SHOWN in one.out + one.err for one in said[:4])
    for one in said:
        assert not dangers(one.out) and not dangers(one.err)
    assert Path(result).is_file()


WRONG = [
    ["run", "x", "-i", EVIL],
    ["run", "x", "--profile", EVIL],
    ["run", "x", "--policy", EVIL],
    ["run", "--batch", EVIL],
    ["run", "x", f"--{EVIL}"],
    [EVIL],
    ["show", EVIL],
    ["tool", "flip", "--image", EVIL],
    ["craft", "import", EVIL, "--out", "x"],
    ["craft", "stats", EVIL],
    ["eval", "--policy", "scripted", "--bench", EVIL],
    ["study", "import", EVIL],
    ["models", "pull", EVIL],
    ["profile", "new", EVIL],
]


@pytest.mark.parametrize("arguments", WRONG, ids=lambda arguments: arguments[0].replace(EVIL, "evil"))
def test_errors_repeat_what_was_given_harmlessly(shell: Shell, arguments: list[str]) -> None:
    said = shell(*arguments)
    assert said.code != 1 and not dangers(said.err) and not dangers(said.out)
    as_json = shell(*arguments, "--json")
    assert as_json.code == said.code and not dangers(as_json.out)


def test_files_of_others(shell: Shell) -> None:
    """Ids of tasks and lines of files are foreign too."""
    Path("many.jsonl").write_text(json.dumps({"instruction": "x", EVIL: 1}) + "\n" + json.dumps({"instruction": EVIL}))
    Path("one.json").write_text(json.dumps([{"messages": [{EVIL: 1}]}]))
    for said in (shell("run", "--batch", "many.jsonl"), shell("craft", "import", "one.json", "--out", "data")):
        assert said.code in (2, 3) and not dangers(said.err) and not dangers(said.out)


def test_a_terminal_keeps_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Foreign text is made harmless, our own styles and what moves a progress bar are not."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    streams = Streams(monkeypatch, "utf-8")
    made = console(stderr=True)
    made.print(EVIL, style="bold")
    made.show_cursor(False)
    out = streams.take()[1]
    assert set(re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]", out)) == {"\x1b[1m", "\x1b[0m", "\x1b[?25l"}
    assert not dangers(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out)) and SHOWN in out


def test_a_name_is_printed_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(monkeypatch, "utf-8")
    console().print("[red]a[/] :smile: 'x' 12")
    assert streams.take()[0] == "[red]a[/] :smile: 'x' 12\n"


def test_completion_offers_no_harmful_names() -> None:
    assert _beginning("a", ["ab", EVIL]) == ["ab"]


def test_every_console_is_made_in_one_place() -> None:
    """A `Console` of its own would print foreign text as it is."""
    folder = Path(canvasagent.__file__).parent
    made = [str(file.relative_to(folder)) for file in folder.rglob("*.py") if "Console(" in file.read_text("utf-8")]
    assert made == ["cli/terminal.py"]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_name_that_is_not_utf8(shell: Shell) -> None:
    """Bytes of a name that are no text are half characters in Python, which no record can hold."""
    photo(size=64).convert("CMYK").save("a.tif")  # its conversion is noted, with the file's name
    Path("a.tif").rename("\udcff.tif")
    turns = Path(shell.turns(call("Flip", image="img_1"), end()).removeprefix("replay:"))
    turns.rename("\udcff.json")
    said = shell("run", "mirror it", "-i", "\udcff.tif", "-o", "\udcff.png", "--policy", "replay:\udcff.json", "--json")
    assert said.code == 0 and said.object["final"] == "\udcff.png" and Path("\udcff.png").is_file()
    assert "half of a character" in shell("run", "mirror it \udcff", "-i", "\udcff.tif").err
