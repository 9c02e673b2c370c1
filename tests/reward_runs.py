"""What the tests of the reward share: runs that are really executed, and verdicts made by hand."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from canvasagent import Agent, Limits, Task, ToolBox
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges.base import Aspect, Verdict
from helpers import ListPolicy


def picture() -> Image.Image:
    """White with a red square."""
    drawn = Image.new("RGB", (96, 64), "white")
    drawn.paste("red", (20, 16, 52, 48))
    return drawn


def played(
    toolbox: ToolBox,
    texts: list[str],
    expected: tuple[str, ...] | None = None,
    max_turns: int = 24,
    folder: Path | None = None,
) -> Trajectory:
    """The run of these turns on a picture of a red square."""
    agent = Agent(ListPolicy(texts), toolbox, limits=Limits(max_turns=max_turns))
    return agent.run(Task("work on it", [picture()], expected_tools=expected), run_dir=folder)


def verdicts(align: float, aesthetics: float, trajectory: float, judge: str = "test") -> dict[Aspect, Verdict]:
    """A verdict for every aspect."""
    return {
        "align": Verdict(aspect="align", score=align, judge=judge, model="by hand"),
        "aesthetics": Verdict(aspect="aesthetics", score=aesthetics, judge=judge, model="by hand"),
        "trajectory": Verdict(aspect="trajectory", score=trajectory, judge=judge, model="by hand"),
    }
