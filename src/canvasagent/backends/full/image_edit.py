"""ImageEdit on FLUX.2 Klein, with the weights that ImageGeneration uses."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from pydantic import Field

from canvasagent.backends.full import _flux
from canvasagent.backends.full._loading import CALLS, missing_requirements
from canvasagent.backends.full._sizes import padded, region_of, resized, work_size
from canvasagent.canvas import pixel_hash
from canvasagent.imaging.masks import blended, opaque
from canvasagent.tools.image_edit import refuse_references


class Config(_flux.Settings):
    """The settings of FLUX.2, and how an edit blends into the picture."""

    feather: int = Field(default=8, ge=0, le=256)
    """Pixels inside of a mask's edge over which the new picture fades in; outside nothing ever changes."""


class Backend:
    """Edits a picture by an instruction; concurrent calls on the same picture share a batch."""

    tool = "ImageEdit"
    version = "1"
    stochastic = True
    may_hang = False
    generative = True
    waits = CALLS
    references = 3
    weights = staticmethod(_flux.weights)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._batcher = _flux.batcher(config)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What is missing on this machine for this backend, each with how to get it."""
        return missing_requirements(config, "diffusers", "transformers", "accelerate")

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

        `references` are up to three further pictures that the prompt may refer to ("the second picture"). Raises
        `ToolRefusal` for more.
        """
        refuse_references(len(references), self.references)
        if mask is not None and mask.getbbox() is None:
            return image.copy()
        colours = opaque(image)
        if mask is None:
            return blended(image, self._edit(colours, None, prompt, seed, references), None, 0)
        box = region_of(mask, self.config.max_pixels)
        edited = colours.copy()
        edited.paste(self._edit(colours.crop(box), mask.crop(box), prompt, seed, references), box)
        return blended(image, edited, mask, self.config.feather)

    def _edit(
        self, picture: Image.Image, mask: Image.Image | None, prompt: str, seed: int, references: Sequence[Image.Image]
    ) -> Image.Image:
        """The edit of an opaque picture, made at a size and aspect ratio that the model accepts."""
        shaped, box = padded(picture)
        size = work_size(shaped.size, self.config.max_pixels)
        pictures = [resized(shaped, size)]
        for other in references:
            reference, _ = padded(opaque(other))
            pictures.append(resized(reference, work_size(reference.size, self.config.max_pixels)))
        where = None
        if mask is not None:
            where = padded(mask)[0].resize(size, Image.Resampling.BILINEAR).point([0] + [255] * 255)
        request = _flux.Request(prompt, seed, size, tuple(pictures), where)
        seen = [*pictures, *([where] if where is not None else [])]
        made = self._batcher(request, (size, *map(pixel_hash, seen), where is not None))
        return resized(made, shaped.size).crop(box)
