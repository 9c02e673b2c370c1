"""What the tests of the command line share: running it here or as a process of its own, and turns to replay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from canvasagent.cli import main
from helpers import call, end, photo

COMMAND = [sys.executable, "-m", "canvasagent"]
CROP = call("Crop", image="img_1", bbox=[100, 100, 600, 600])
FLIP = call("Flip", image="Crop_0")
MASK = call("SAM", image="img_1", bbox=[300, 100, 600, 400])
CUT = call("Extract", image="img_1", mask="SAM_0")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> Any:
        """The one object on standard output; fails if there is more, or less."""
        return json.loads(self.out)


class Shell:
    """Runs commands in a folder that holds a photograph, `a.png`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        photo(size=256).save(folder / "a.png")

    def __call__(self, *arguments: object) -> Said:
        """Run a command in this process."""
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)

    def process(self, *arguments: object, **environment: str) -> Said:
        """Run a command in a process of its own, to its end."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object, ignoring: str = "", **environment: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own, and a group of its own, that ignores some signals (INT, HUP)."""
        command = [*COMMAND, *map(str, arguments)]
        if ignoring:
            command = ["sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh", *command]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            start_new_session=True,
            env={**os.environ, **environment},
        )

    def turns(self, *texts: str, name: str = "turns.json") -> str:
        """Keep turns to replay; returns the policy that does so."""
        (self.folder / name).write_text(json.dumps({"turns": [{"text": text} for text in texts]}))
        return f"replay:{name}"

    def run(self, texts: Sequence[str] = (CROP, end()), *arguments: object) -> Said:
        """`run --json` with these turns as its policy."""
        return self("run", "do it", "-i", "a.png", "--policy", self.turns(*texts), "--json", *arguments)
