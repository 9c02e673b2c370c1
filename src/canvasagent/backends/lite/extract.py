"""Extract with Pillow: the mask becomes the cut-out's alpha."""

from __future__ import annotations

from PIL import Image, ImageChops
from pydantic import BaseModel

from canvasagent.errors import ToolRefusal


class Config(BaseModel):
    """Extract has no settings."""


class Backend:
    """Cuts along a mask."""

    tool = "Extract"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, image: Image.Image, mask: Image.Image) -> Image.Image:
        """RGBA, tight to the mask (L, size of the image); alpha is the mask times the alpha that was there.

        Raises `ToolRefusal` for an empty mask, and where the picture is wholly transparent under the mask.
        """
        box = mask.getbbox()
        if box is None:
            raise ToolRefusal("the mask is empty: it selects nothing. Make another one with SAM, with a larger box.")
        cutout, alpha = image.crop(box), mask.crop(box)
        if image.mode == "RGBA":
            alpha = ImageChops.multiply(alpha, cutout.getchannel("A"))
            if alpha.getbbox() is None:
                raise ToolRefusal("the picture is wholly transparent where the mask selects; choose another box.")
        cutout.putalpha(alpha)
        return cutout
