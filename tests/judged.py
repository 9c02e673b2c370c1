"""Runs to be judged: made by the real loop with a policy that says what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent import Agent, Task, ToolBox, Trajectory
from canvasagent.rewards.judges import Aspect, Judge, Verdict
from helpers import ListPolicy, photo

TOOLBOX = ToolBox("lite")


def run(
    *turns: str,
    instruction: str = "flip it and crop it",
    images: list[Image.Image] | None = None,
    folder: Path | None = None,
    **task: Any,
) -> Trajectory:
    """A run of these turns on a photograph. `task` is more of the task: expected tools, checks."""
    given = [photo()] if images is None else images
    return Agent(ListPolicy(turns), TOOLBOX).run(Task(instruction, given, **task), run_dir=folder)


def judged(judge: Judge, trajectory: Trajectory) -> dict[Aspect, Verdict]:
    """The judge's verdicts."""
    return asyncio.run(judge.judge(trajectory))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> Trajectory:
    """Edit the record in a run's folder by hand, and read it."""
    file = folder / "trajectory.json"
    data = json.loads(file.read_text("utf-8"))
    change(data)
    file.write_text(json.dumps(data), "utf-8")
    return Trajectory.load(folder)
