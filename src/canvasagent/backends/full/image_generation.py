"""ImageGeneration on FLUX.2 Klein."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from pydantic import Field

from canvasagent.backends.full import _flux
from canvasagent.backends.full._loading import CALLS, lacking
from canvasagent.backends.full._sizes import RATIO, resized, work_size
from canvasagent.batching import MicroBatcher
from canvasagent.errors import ToolRefusal
from canvasagent.geometry import Size


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

    def __init__(self, config: Config) -> None:
        self.config = config
        self._settings = _flux.Settings(**{name: getattr(config, name) for name in _flux.Settings.model_fields})
        self._batcher: MicroBatcher[_flux.Ask, Image.Image] = MicroBatcher(self._draw, config.batch, config.batch_wait)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What this machine lacks for it."""
        return lacking(config, "diffusers", "transformers", "accelerate")

    def __call__(self, *, prompt: str, size: Size | None, seed: int) -> Image.Image:
        """A picture of what `prompt` says, of `size` (its own where None), the noise drawn from `seed`."""
        wanted = size or self.config.size
        if max(wanted) > RATIO * min(wanted):
            raise ToolRefusal(f"pictures can be {RATIO} times as long as they are narrow, and no more; ask for less.")
        working = work_size(wanted, self.config.max_pixels)
        return resized(self._batcher(_flux.Ask(prompt, seed, working), working), wanted)

    def _draw(self, asks: Sequence[_flux.Ask]) -> list[Image.Image]:
        return _flux.draw(self._settings, asks)
