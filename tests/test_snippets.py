"""The Python blocks of README, docs and the package's docstring: `mypy --strict` accepts them, and they run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import canvasagent
from helpers import photo

ROOT = Path(__file__).parent.parent


def _blocks() -> dict[str, str]:
    """The blocks by a name that says where each stands."""
    found = {}
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", file.read_text("utf-8"), re.M | re.S), 1):
            found[f"{file.stem}_{number}"] = block
    found["docstring"] = (canvasagent.__doc__ or "").partition("\n\n")[2]
    return found


BLOCKS = _blocks()


def test_there_are_blocks_to_check() -> None:
    assert {"README_1", "reward_1", "docstring"} <= set(BLOCKS)


def test_mypy_accepts_them(tmp_path: Path) -> None:
    for name, block in BLOCKS.items():
        (tmp_path / f"{name}.py").write_text(block, "utf-8")
    # In the checkout, so that mypy finds the cache that `make check` leaves there: 0.5 s instead of 5.
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, sorted(tmp_path.glob("*.py")))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photo(size=256).save("photo.jpg")
    for name in ("README_1", "docstring"):
        exec(compile(BLOCKS[name], name, "exec"), {})
        assert Path("out.png").exists(), name
        Path("out.png").unlink()
    made = next(Path("runs").iterdir())
    named = re.findall(r'"(runs/[^"]+)"', BLOCKS["reward_1"])
    shutil.copytree(made, named[0])
    exec(compile(BLOCKS["reward_1"], "reward_1", "exec"), {})
