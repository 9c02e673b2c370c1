"""Changing a picture in a part of it only: what lies outside of the mask stays as it was, to the bit."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def opaque(picture: Image.Image) -> Image.Image:
    """The colours of a picture, on white where it is transparent."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def seam(mask: Image.Image, feather: int) -> Image.Image:
    """How much of the new picture is taken, 0 to 255: none outside of `mask`, all `feather` pixels inside of its edge.

    A narrow mask is feathered less, so that its middle is all new. At the picture's border nothing is feathered.
    """
    inside = np.pad((np.asarray(mask) > 0).astype(np.uint8), 1, mode="edge")
    if feather < 1 or inside.all() or not inside.any():
        return Image.fromarray(inside[1:-1, 1:-1] * np.uint8(255))
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5))[1:-1, 1:-1]
    ramp = max(1.0, min(float(feather), float(depth.max()) / 2))
    return Image.fromarray(np.clip(np.rint(depth / ramp * 255), 0, 255).astype(np.uint8))


def blended(before: Image.Image, after: Image.Image, mask: Image.Image | None, feather: int) -> Image.Image:
    """`after` (RGB) with the transparency of `before`; with a mask in that only, fading in over `feather` pixels."""
    result = after
    if mask is not None:
        result = opaque(before)
        result.paste(after, mask=seam(mask, feather))
    elif before.mode == "RGBA":
        result = after.copy()
    if before.mode != "RGBA":
        return result
    result.putalpha(before.getchannel("A"))
    if mask is None:
        return result
    # What lies hidden under transparent pixels outside of the mask stays as well.
    return Image.composite(result, before, mask.point([0] + [255] * 255))
