"""What commands print of names and paths is printed as it is: brackets and colons in them are no markup."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from canvasagent.cli import common
from cli_helpers import Shell

ODD = "odd [bold] [/x] :art: \\[a] [link=x]"


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.mark.parametrize("console", [common.out, common.err])
def test_strings_are_printed_as_they_are(console: Callable[[], Console], monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setattr(sys, "stderr", file)
    made = console()
    made.print(f"a path: {ODD}")
    table = Table(ODD)
    table.add_row(ODD)
    made.print(table, soft_wrap=False)
    assert file.getvalue().count(ODD) == 3


def test_commands_print_odd_folders_as_they_are(shell: Shell) -> None:
    folder = Path("[red]a") / "[bold]b"
    assert str(folder) in shell("craft", "bench", "b001", "--out", folder).err
    assert str(folder) in shell("runs", "--runs-dir", folder).err
    said = shell("tool", "flip", "-i", "a.png", "-o", "[red]a/[b].png")
    assert said.code == 0 and said.out == "[red]a/[b].png\n"
    assert "'[red]a/[b]'" in shell("show", "[red]a/[b]").err
