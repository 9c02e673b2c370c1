"""Small pictures and canvases that the checker works on: drawn, so that nothing needs to be downloaded."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageCms, ImageDraw

from canvasagent.canvas import Asset, Canvas, Kind, Lineage, input_key
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import with_profile

SIZE: Size = (96, 80)
"""Size of the sample picture, on which an object and a word can be told apart."""


@cache
def profile() -> bytes:
    """An ICC profile to be kept: sRGB, told apart from a picture without one by being there."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(size: Size = SIZE, mode: str = "RGB") -> Image.Image:
    """A soft gradient with a red disc and a word, carrying a colour profile. Modes RGB, RGBA and L (a mask)."""
    width, height = size
    if mode == "L":
        return mask(size)
    across, down = np.meshgrid(np.linspace(120, 230, width), np.linspace(120, 230, height))
    drawn = Image.fromarray(np.stack([across, down, np.full_like(across, 180)], axis=2).astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((width * 0.2, height * 0.25, width * 0.6, height * 0.85), fill=(220, 20, 30))
    if height >= 40:
        pen.text((4, 2), "SALE", fill=(0, 0, 0), font=font_for("SALE", height // 5))
    if mode == "RGBA":
        drawn.putalpha(mask(size).point(lambda value: max(value, 60)))
    return with_profile(drawn, profile())


def mask(size: Size = SIZE) -> Image.Image:
    """A mask over the disc of `picture`, at least one pixel of it set."""
    width, height = size
    drawn = Image.new("L", size, 0)
    ImageDraw.Draw(drawn).ellipse((width * 0.2, height * 0.25, width * 0.6, height * 0.85), fill=255)
    drawn.putpixel((width // 2, height // 2), 255)
    return drawn


def cutout(size: Size = SIZE) -> Image.Image:
    """What `Extract` makes of picture and mask."""
    full = picture(size)
    full.putalpha(mask(size))
    return with_profile(full.crop(full.getchannel("A").getbbox()), profile())


def canvas(inputs: int = 1) -> Canvas:
    """A canvas with `inputs` pictures, a mask `SAM_0` of their size and a cut-out `Extract_0`."""
    drawn = Canvas()
    for number in range(inputs):
        drawn.add_input(picture() if number == 0 else picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    made = (("SAM", Kind.MASK, mask()), ("Extract", Kind.CUTOUT, cutout()))
    for tool, kind, pixels in made:
        lineage = Lineage(tool, {}, ("img_1",) if inputs else (), 0, "sample")
        drawn.add(Asset(f"{tool}_0", kind, pixels, input_key(pixels), lineage))
    return drawn
