"""ImageGeneration by a hosted model."""

from __future__ import annotations

from PIL import Image
from pydantic import Field

from canvasagent.backends.hosted import _hosting
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.imaging.geometry import Size


class Config(_hosting.Hosting):
    """How pictures are made."""

    size: Size = Field(default=(1024, 1024))
    """Width and height where none are asked for, in pixels."""


class Backend:
    """Makes pictures from words. The service takes no seed: a call that is repeated is another drawing."""

    tool = "ImageGeneration"
    version = "1"
    stochastic = True
    may_hang = False
    generative = True
    waits = _hosting.CALLS

    def __init__(self, config: Config) -> None:
        self.config = config
        self._endpoint = _hosting.endpoint(config)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """The missing settings of the service."""
        return _hosting.missing_requirements(config)

    def __call__(self, *, prompt: str, size: Size | None, seed: int) -> Image.Image:
        """A picture by `prompt`, of `size` (the service's own if None)."""
        wanted = size or self.config.size
        made = run_sync(self._endpoint.generate(prompt, _hosting.nearest(wanted, self.config.sizes)))
        return _hosting.filled(made if made.mode == "RGBA" else made.convert("RGB"), wanted)
