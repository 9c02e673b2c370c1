"""What a judge is: it scores one aspect of a trajectory, and every verdict says who judged, how, and what was said.

A file `judges/<name>.py` defines `create(argument, settings) -> Judge` and is found by its name (`local`,
`endpoint:MODEL`).
"""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.trajectory import Trajectory

Aspect = Literal["align", "aesthetics", "trajectory"]
ASPECTS: tuple[Aspect, ...] = ("align", "aesthetics", "trajectory")


class Verdict(BaseModel):
    """One judgement. `score` is None where none could be had, and `error` then says why; never a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aspect: Aspect
    score: float | None = Field(ge=0, le=1)
    judge: str
    """Name and argument: `local`, `endpoint:qwen3.5-plus`."""
    model: str
    """The model as the endpoint names it, or the rules' version."""
    prompt_hash: str | None = None
    """SHA-256 of the judge's prompt; None for rules."""
    raw: str = ""
    """The reply as it came, or what the rules found."""
    seconds: float = 0.0
    cost: float | None = None
    error: str | None = None
    cached: bool = False


class Judge(Protocol):
    """Scores trajectories."""

    name: str

    async def judge(self, trajectory: Trajectory) -> dict[Aspect, Verdict]:
        """A verdict for every aspect. Raises nothing for what an endpoint does: that is in the verdict."""
        ...
