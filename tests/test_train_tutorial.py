"""The tutorial of recipes/tiny in a shortened form: every command of it runs, the loss falls, the reward is finite."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="the extra train is not installed here; make test-train installs it")

from canvasagent.training.page import read_metrics

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tutorial_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "recipes/tiny/tutorial.py"), "--out", str(tmp_path / "tiny")]
    short = ["--trajectories", "24", "--tasks", "8", "--max-steps", "30", "3", "--sample", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *short], capture_output=True, text=True, env=environment, timeout=1700)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    losses = [line["loss"] for line in read_metrics(tmp_path / "tiny/sft") if "loss" in line]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    steps = [line for line in read_metrics(tmp_path / "tiny/grpo") if "reward/rule" in line]
    assert len(steps) == 3
    parts = [value for line in steps for name, value in line.items() if name.startswith("reward")]
    assert parts and all(math.isfinite(value) for value in parts)
    assert "of the turns are well formed" in done.stdout
