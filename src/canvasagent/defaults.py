"""Defaults of the agent and limits of a run. Cheap to import, for help pages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.imaging.geometry import MAX_PIXELS, MOST_PIXELS

POLICY = "scripted"
"""The policy."""
PROFILE = "lite"
"""The profile: the backend of each tool."""
CONCURRENCY = 4
"""Concurrent runs of a batch or an evaluation."""


class Limits(BaseModel):
    """Limits of an episode, and the contract by which its turns are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_turns: int = Field(default=12, ge=1)
    """Most turns of a run."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Seconds from the start, resumed time included; no limit if left out."""
    max_cost: float | None = Field(default=None, gt=0)
    """Most that policy and tools may cost, in the currency of their prices; no limit if left out."""
    max_pixels: int = Field(default=MAX_PIXELS, ge=1, le=MOST_PIXELS)
    """Most pixels of a picture, input or result."""
    contract: str = Field(default="canvasagent", pattern="^(canvasagent|release)$")
    """How turns are written: canvasagent, or release for a checkpoint that the research release trained."""
