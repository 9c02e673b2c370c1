"""Training in two processes at once, as torchrun starts them: one of them writes, and both learn the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="the extra train is not installed here; make test-train installs it")

from canvasagent.errors import InputError
from canvasagent.language_models.load import load_model
from canvasagent.training.page import read_metrics
from canvasagent.training.parameters import check_adapters
from craft_data import build
from training_helpers import judge_file, model, short_prompt, tasks

pytestmark = pytest.mark.timeout(300)  # two processes that import torch, beside others
SHARED = ("--device", "cpu", "--view-pixels", "1024", "--max-steps", "2", "--learning-rate", "0.001")


def torchrun(*arguments: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """A command of the package in several processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*command, "-m", "canvasagent", *arguments], capture_output=True, text=True, timeout=280, env=environment
    )


def test_grpo_in_two_processes(tmp_path: Path) -> None:
    """A group's rollouts are divided among the processes, and compared with each other all the same."""
    out = tmp_path / "out"
    done = torchrun(
        "train", "grpo", "--model", model("text"), "--tasks", str(tasks()), "--out", str(out), *SHARED,
        "--preset", "no-process", "--judge", judge_file(), "--group", "4", "--tasks-per-step", "1",
        "--micro-batch", "2", "--max-turns", "2", "--max-turn-tokens", "12", "--max-completion-tokens", "400",
        "--system-prompt", str(short_prompt()), "--keep-rollouts", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in read_metrics(out) if "loss" in line]
    assert [line["step"] for line in lines] == [1, 2] and all(line["grad_norm"] > 0 for line in lines)
    assert json.loads((out / "outcome.json").read_text("utf-8"))["steps"] == 2
    assert load_model(out / "model", "cpu").contract is not None


def test_sft_in_two_processes(tmp_path: Path) -> None:
    out, data = tmp_path / "out", build(tmp_path / "data")
    done = torchrun(
        "train", "sft", "--model", model("vision"), "--data", str(data), "--out", str(out), *SHARED,
        "--batch-size", "2", "--micro-batch", "1", "--system-prompt", str(short_prompt()),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line["step"] for line in read_metrics(out) if "loss" in line] == [1, 2]
    assert load_model(out / "model", "cpu").vision


def test_adapters_and_divided_weights_do_not_go_together() -> None:
    with pytest.raises(InputError, match="leave out one of the two"):
        check_adapters(8, Path("zero3.json"))
