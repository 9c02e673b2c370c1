"""ImageGeneration on FLUX.2 Klein."""

from __future__ import annotations

from PIL import Image
from pydantic import Field

from canvasagent.backends.full import _flux
from canvasagent.backends.full._loading import CALLS, missing_requirements
from canvasagent.backends.full._sizes import RATIO, resized, work_size
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size


class Config(_flux.Settings):
    """How pictures are made."""

    size: tuple[int, int] = Field(default=(1024, 1024))
    """Width and height where none are asked for, in pixels."""


class Backend:
    """Makes pictures from words; calls of one size that come together are one batch."""

    tool = "ImageGeneration"
    version = "1"
    stochastic = True
    may_hang = False
    generative = True
    waits = CALLS
    weights = staticmethod(_flux.weights)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._batcher = _flux.batcher(config)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What this machine lacks for it."""
        return missing_requirements(config, "diffusers", "transformers", "accelerate")

    def __call__(self, *, prompt: str, size: Size | None, seed: int) -> Image.Image:
        """A picture of what `prompt` says, of `size` (its own where None), the noise drawn from `seed`."""
        wanted = size or self.config.size
        if max(wanted) > RATIO * min(wanted):
            raise ToolRefusal(f"pictures can be {RATIO} times as long as they are narrow, and no more; ask for less.")
        working = work_size(wanted, self.config.max_pixels)
        return resized(self._batcher(_flux.Ask(prompt, seed, working), working), wanted)
