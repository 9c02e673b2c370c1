"""What a judge is: it scores one aspect of a trajectory, and every verdict says who judged, how, and what was said.

A file `judges/<name>.py` defines `create(argument, settings) -> Judge` and is found by its name (`local`,
`endpoint:MODEL`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.policies.base import VIEW_PIXELS

if TYPE_CHECKING:
    from canvasagent.record.trajectory import Trajectory

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
    served: str | None = None
    """The model that the server says has answered, which may be a dated version of `model`."""
    prompt_hash: str | None = None
    """SHA-256 of the judge's prompt; None for rules."""
    raw: str = ""
    """The reply as it came, or what the rules found."""
    seconds: float = 0.0
    cost: float | None = None
    error: str | None = None
    cached: bool = False


class JudgeSettings(BaseModel):
    """What the command line passes to a judge; each takes what concerns it. `local` takes none of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str | None = None
    """Base URL of an OpenAI-compatible server; else CANVASAGENT_JUDGE_BASE_URL, else the general OPENAI_BASE_URL."""
    api_key: str | None = Field(default=None, repr=False, exclude=True)
    """Key for it; else CANVASAGENT_JUDGE_API_KEY, else the general ones. Never written anywhere."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that one request may take."""
    retries: int = Field(default=4, ge=0)
    """How often a request is made again: for a passing failure of the server, and for a reply without a score."""
    concurrency: int = Field(default=32, ge=1)
    """Requests that are under way at the same time, at most."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """Requests that begin in a second, at most, retries included; no limit if left out."""
    repeats: int = Field(default=1, ge=1)
    """How often each aspect is asked for; the score is the mean, and the single values are in the verdict's `raw`."""
    cache: Path | None = None
    """Folder in which replies are kept, keyed by everything that was sent; nothing is kept if left out."""
    temperature: float | None = 0.0
    """Sampling temperature, 0 if left out; 1 for a model that takes no other."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest reply in tokens; the server's own if left out. Thoughts of a reasoning model count."""
    view_pixels: int = Field(default=1_048_576, ge=1024)
    """Pixels of the copy that is sent of an input and of the result."""
    step_pixels: int = Field(default=VIEW_PIXELS, ge=1024)
    """Pixels of the copy that the trajectory judge sees of each picture: by default what the policy saw of it."""
    step_pictures: int = Field(default=40, ge=1)
    """Pictures on the way that are sent, at most: the first and the last ones; the judge is informed of the rest."""
    text_characters: int = Field(default=6000, ge=200)
    """Characters that are sent of one text of the record, at most: its beginning and its end."""
    result_first: bool = False
    """Show the result before the inputs: to measure how much the order sways a judge."""
    prompts: Path | None = None
    """Folder with `align.md`, `aesthetics.md` and `trajectory.md` to use instead of the package's own."""
    input_price: float | None = Field(default=None, ge=0)
    """Price of a million input tokens, for cost accounting."""
    output_price: float | None = Field(default=None, ge=0)
    """Price of a million output tokens, for cost accounting."""


class Judge(Protocol):
    """Scores trajectories."""

    name: str

    async def judge(self, trajectory: Trajectory) -> dict[Aspect, Verdict]:
        """A verdict for every aspect. Raises nothing for what an endpoint does: that is in the verdict."""
        ...


Create = Callable[[str | None, JudgeSettings], Judge]


def unfinished(trajectory: Trajectory) -> str | None:
    """Why a run is not to be judged at all: it still runs, or failed through no fault of the policy."""
    if trajectory.status == "running":
        return "the run is not finished, so there is nothing to judge yet."
    if trajectory.status == "failed":
        return f"the run failed through no fault of the policy ({trajectory.why or 'no reason kept'}); resume it first."
    return None
