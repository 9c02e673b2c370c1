"""A shell's completion, asked for as the shells' scripts do: by environment variables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from canvasagent.cli import COMMANDS, main
from canvasagent.craft.exports import format_names
from canvasagent.policies import policy_names
from canvasagent.rewards.judges import judge_names
from canvasagent.tools import all_tools
from cli_helpers import Shell

HEAVY = "numpy cv2 openai onnxruntime jinja2 pyarrow httpx scipy torch ray"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture(autouse=True)
def runs(tmp_path: Path) -> None:
    """Three runs, one of them of a batch."""
    for number, name in enumerate(("20260101-000000-aaaaaa", "20260102-000000-bbbbbb", "many/seven"), 1):
        file = tmp_path / "runs" / name / "trajectory.json"
        file.parent.mkdir(parents=True)
        file.write_text("damaged: completion reads no records")
        os.utime(file, (number, number))


def complete(typed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What bash is offered for the last of the words typed."""
    monkeypatch.setenv("COMP_WORDS", "\n".join(["canvasagent", *typed]))
    monkeypatch.setenv("COMP_CWORD", str(len(typed)))
    monkeypatch.setenv("_CANVASAGENT_COMPLETE", "complete_bash")
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.split()


RUNS = ["last", "many/seven", "20260102-000000-bbbbbb", "20260101-000000-aaaaaa"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ([""], [name for commands in COMMANDS.values() for name in commands]),
        (["sh"], ["show"]),
        (["-v", "sh"], ["show"]),
        (["run", "--policy", ""], policy_names()),
        (["run", '"two words"', "-i", "a.png", "--policy", "scr"], ["scripted"]),
        (["run", "--policy=scr"], ["scripted"]),
        (["run", "--profile", ""], ["full", "hosted", "lite", "release"]),
        (["run", "--engine", ""], ["local", "ray"]),
        (["run", "--max-t"], ["--max-turns", "--max-tokens"]),
        (["run", "--continue", ""], RUNS),
        (["run", "--resume", "la"], ["last"]),
        (["show", ""], RUNS),
        (["replay", "2026"], RUNS[2:]),
        (["score", "last", "many"], ["many/seven"]),
        (["judge", "check", ""], RUNS),
        (["show", "--runs-dir", "runs/many", ""], ["last", "seven"]),
        (["show", "--runs-dir", "a.png", ""], ["last"]),
        (["tool", ""], [tool.slug for tool in all_tools().values()]),
        (["tool", "crop", "--b"], ["--bbox"]),
        (["tool", "crop", "--profile", "li"], ["lite"]),
        (["craft", "export", "data", "--format", ""], format_names()),
        (["craft", "export", "data", "-f", "ve"], ["verl"]),
        (["craft", "sft", "--mix", ""], ["paper", "uniform"]),
        (["eval", "--policy", "g"], ["gold"]),
        (["eval", "--judge", ""], [*judge_names(), "none"]),
        (["score", "--preset", "ha"], ["hardened"]),
        (["tool", "crop", "--image", ""], []),
    ],
)  # fmt: skip
def test_values_are_offered(
    shell: Shell,
    typed: list[str],
    offered: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert complete(typed, monkeypatch, capsys) == offered


@pytest.mark.parametrize("kind", ["zsh", "fish", "powershell"])
def test_other_shells_are_offered_the_same(shell: Shell, kind: str) -> None:
    asked = {"_CANVASAGENT_COMPLETE": f"complete_{kind}", "_TYPER_COMPLETE_ARGS": "canvasagent show la"}
    more = {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "la"}
    said = shell.process(**asked, **more)
    assert said.code == 0 and said.err == "" and "last" in said.out and "many" not in said.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_by_the_script_that_the_command_prints(shell: Shell) -> None:
    script = shell.process(_CANVASAGENT_COMPLETE="source_bash").out
    assert "complete -o default -F _canvasagent_completion canvasagent" in script
    asked = f"""
canvasagent() {{ :; }}
{script.replace(" $1 )", f' "{sys.executable}" -m canvasagent )')}
COMP_WORDS=(canvasagent run '"mirror it"' -i "'b c.png'" --policy sc) COMP_CWORD=6
_canvasagent_completion canvasagent
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "scripted\n" and done.stderr == ""


def test_completion_imports_nothing_heavy(shell: Shell) -> None:
    """For any command's options, and for each kind of value."""
    code = f"""
import contextlib, io, os, sys
from canvasagent.cli import COMMANDS, main
commands = [name for panel in COMMANDS.values() for name in panel]
asked = [[name, "--"] for name in commands]
asked += [["tool", ""], ["tool", "crop", "--"], ["craft", "export", "x", "-f", ""], ["eval", "--judge", ""]]
asked += [["eval", "--policy", ""], ["run", "--profile", ""], ["score", "--preset", ""], ["show", ""]]
os.environ["_CANVASAGENT_COMPLETE"] = "complete_bash"
for typed in asked:
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = " ".join(["canvasagent", *typed]), str(len(typed))
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main([])
    assert said.getvalue().strip(), typed
    loaded = sorted(set({HEAVY.split()!r}) & set(sys.modules))
    assert not loaded, (typed, loaded)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_the_command_in_use_is_loaded_for_it(shell: Shell) -> None:
    code = (
        "import sys\n"
        "from canvasagent.cli import main\n"
        "try:\n    main([])\n"
        "finally:\n    print([name for name in sys.modules if name.startswith('canvasagent.cli.')], file=sys.stderr)\n"
    )
    environment = {"_CANVASAGENT_COMPLETE": "complete_bash", "COMP_WORDS": "canvasagent runs --", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert "--limit" in done.stdout and "canvasagent.cli.runs'" in done.stderr
    assert "canvasagent.cli.run'" not in done.stderr and "canvasagent.cli.eval'" not in done.stderr
