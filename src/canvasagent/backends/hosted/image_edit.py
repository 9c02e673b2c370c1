"""ImageEdit by a hosted model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.backends.hosted import _hosting
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.imaging.masks import blended, opaque
from canvasagent.tools.image_edit import refuse_references

MAX_REFERENCES = 15
"""OpenAI's service takes 16 pictures in all."""


class Config(_hosting.Hosting):
    """How pictures are changed."""

    feather: int = Field(default=8, ge=0, le=256)
    """Pixels inside of a mask's edge over which the new picture fades in; outside nothing ever changes."""
    references: int = Field(default=MAX_REFERENCES, ge=0, le=MAX_REFERENCES, exclude=True)
    """Further pictures that the service takes beside the one to change; calls with more are refused, not sent."""


class Backend:
    """Edits pictures by instructions. The service has no seed, so repeating a call is another try."""

    tool = "ImageEdit"
    version = "1"
    stochastic = True
    may_hang = False
    generative = True
    waits = _hosting.CALLS
    references = MAX_REFERENCES

    def __init__(self, config: Config) -> None:
        self.config = config
        self.references = config.references
        self._endpoint = _hosting.endpoint(config)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """The missing settings of the service."""
        return _hosting.missing_requirements(config)

    def __call__(
        self,
        *,
        image: Image.Image,
        prompt: str,
        mask: Image.Image | None,
        seed: int,
        references: Sequence[Image.Image] = (),
    ) -> Image.Image:
        """`image` edited by `prompt`, in its size and mode; with a mask only where the mask is not 0.

        `references` are up to 15 further pictures that the prompt may speak of ("the second picture"). Raises
        `ToolRefusal` for more.
        """
        refuse_references(len(references), self.references)
        if mask is not None and mask.getbbox() is None:
            return image.copy()
        size, box = _hosting.room(image.size, _hosting.nearest(image.size, self.config.sizes))
        pictures = [_placed(opaque(image), size, box), *(opaque(other) for other in references)]
        where = _placed(mask, size, box) if mask is not None else None
        made = run_sync(self._endpoint.edit(prompt, pictures, where)).convert("RGB")
        return blended(image, _hosting.filled(made, size).crop(box), mask, self.config.feather)


def _placed(picture: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """`picture` in `box` of a larger one; round it its edges go on."""
    if picture.size == size:
        return picture
    edges = [(box[1], size[1] - box[3]), (box[0], size[0] - box[2])]
    pixels = np.asarray(picture)
    return Image.fromarray(np.pad(pixels, edges if pixels.ndim == 2 else [*edges, (0, 0)], mode="edge"))
