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
    """The settings of FLUX.2, and the size of pictures."""

    size: tuple[int, int] = Field(default=(1024, 1024))
    """Width and height in pixels if a call names none."""


class Backend:
    """Generates pictures from text; concurrent calls of one size share a batch."""

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
        """What is missing on this machine for this backend, each with how to get it."""
        return missing_requirements(config, "diffusers", "transformers", "accelerate")

    def __call__(self, *, prompt: str, size: Size | None, seed: int) -> Image.Image:
        """A picture by `prompt`, of `size` (the configured one if None), with noise drawn from `seed`."""
        wanted = size or self.config.size
        if max(wanted) > RATIO * min(wanted):
            raise ToolRefusal(
                f"a picture's longer side can be at most {RATIO} times as long as its shorter one; choose another size."
            )
        working = work_size(wanted, self.config.max_pixels)
        return resized(self._batcher(_flux.Request(prompt, seed, working), working), wanted)
