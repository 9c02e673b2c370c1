"""Joining pictures: pixel arrays in and out, layers put over a base, layers warped into four corners.

Interpolation always runs on colours multiplied by their alpha, so that what is hidden under transparent pixels
never bleeds into an edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Point, Size, bounds
from canvasagent.imaging.pictures import profile_of, with_profile

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

WARP_LIMIT = 32_000
"""OpenCV warps pictures of fewer pixels than this (a signed 16-bit number) a side."""

_SMOOTH_PIXELS = 4_000_000
"""Regions up to this many pixels are warped at twice their size and averaged down, for smooth edges."""


def has_alpha(picture: Image.Image) -> bool:
    """Whether the picture has an alpha channel."""
    return picture.mode == "RGBA"


def four_channels(picture: Image.Image) -> Pixels:
    """The pixels of an RGB or RGBA picture as (height, width, 4), read-only; of RGB the fourth means nothing.

    Three to ten times as fast as `np.asarray` on RGB, which Pillow stores with four bytes a pixel.
    """
    data = picture.tobytes("raw", "RGBA" if has_alpha(picture) else "RGBX")
    return np.frombuffer(data, np.uint8).reshape(picture.height, picture.width, 4)


def from_four_channels(pixels: Pixels, mode: str, profile: bytes | None) -> Image.Image:
    """A picture of `mode` RGB or RGBA from (height, width, 4) pixels; for RGB the fourth is left aside."""
    size = pixels.shape[1], pixels.shape[0]
    data = np.ascontiguousarray(pixels).tobytes()
    return with_profile(Image.frombytes(mode, size, data, "raw", "RGBA" if mode == "RGBA" else "RGBX"), profile)


def premultiplied(picture: Image.Image) -> Pixels:
    """An RGB or RGBA picture as (height, width, 4) with colours multiplied by alpha; opaque where it had no alpha."""
    if has_alpha(picture):
        data = picture.convert("RGBa").tobytes("raw", "RGBa")
        return np.frombuffer(data, np.uint8).reshape(picture.height, picture.width, 4)
    pixels = four_channels(picture).copy()
    pixels[:, :, 3] = 255
    return pixels


def from_premultiplied(pixels: Pixels, profile: bytes | None) -> Image.Image:
    """The RGBA picture that (height, width, 4) premultiplied pixels mean."""
    size = pixels.shape[1], pixels.shape[0]
    data = np.ascontiguousarray(pixels).tobytes()
    return with_profile(Image.frombytes("RGBa", size, data).convert("RGBA"), profile)


def put(base: Image.Image, layer: Image.Image, left: int, top: int) -> Image.Image:
    """A copy of `base` (RGB or RGBA) with `layer` (RGB or RGBA) over it, its top left at (left, top).

    What lies beyond the base is cut. Both must be in the same colour profile; the result keeps base's mode.
    """
    result = base.copy()
    if not has_alpha(layer):
        result.paste(layer, (left, top))
    elif not has_alpha(base):
        # On an opaque base, paste with the layer as mask equals alpha compositing, and is faster.
        result.paste(layer, (left, top), layer)
    else:
        shown = max(left, 0), max(top, 0), min(left + layer.width, base.width), min(top + layer.height, base.height)
        if shown[0] < shown[2] and shown[1] < shown[3]:
            part = layer.crop((shown[0] - left, shown[1] - top, shown[2] - left, shown[3] - top))
            result.alpha_composite(part, shown[:2])
    return result


def with_opacity(picture: Image.Image, opacity: float) -> Image.Image:
    """The picture (RGB or RGBA) with its alpha multiplied by `opacity`, from 0 to 1; itself where that is 1."""
    if opacity >= 1:
        return picture
    alpha = picture.getchannel("A") if has_alpha(picture) else Image.new("L", picture.size, 255)
    faded = picture.copy()
    faded.putalpha(alpha.point([round(value * opacity) for value in range(256)]))
    return faded


def quad_size(quad: Sequence[Point]) -> Size:
    """Width and height, in whole pixels, of an upright picture with as much detail as the quad can show."""
    sides = [math.dist(quad[index], quad[(index + 1) % 4]) for index in range(4)]
    return max(1, math.ceil(max(sides[0], sides[2]))), max(1, math.ceil(max(sides[1], sides[3])))


def put_into_quad(base: Image.Image, layer: Image.Image, quad: Sequence[Point]) -> Image.Image:
    """A copy of `base` with `layer` filling `quad` (pixels; clockwise from top left) in perspective.

    Raises `ToolRefusal` for corners that enclose (almost) no area, and beyond OpenCV's limit of size.
    """
    left, top, right, bottom = bounds(quad)
    region = max(math.floor(left), 0), max(math.floor(top), 0), math.ceil(right), math.ceil(bottom)
    region = region[0], region[1], min(region[2], base.width), min(region[3], base.height)
    width, height = region[2] - region[0], region[3] - region[1]
    if width < 1 or height < 1 or _area(quad) < 4:
        raise ToolRefusal("the four corners enclose less than four pixels of the picture; give a larger quad.")
    if max(width, height) >= WARP_LIMIT:
        raise ToolRefusal(f"the four corners span more than {WARP_LIMIT:,} pixels; scale the picture down first.")
    factor = 2 if width * height <= _SMOOTH_PIXELS and 2 * max(width, height) < WARP_LIMIT else 1
    source = premultiplied(_at_detail(layer, quad, factor))
    # The quad is given between pixels, while OpenCV's coordinates are those of pixel centres.
    corners = [((x - region[0]) * factor - 0.5, (y - region[1]) * factor - 0.5) for x, y in quad]
    size = width * factor, height * factor
    warped = cv2.warpPerspective(source, _perspective(source, corners), size, flags=cv2.INTER_LINEAR)
    if factor > 1:
        warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    return put(base, from_premultiplied(warped, profile_of(base)), region[0], region[1])


def _area(quad: Sequence[Point]) -> float:
    pairs = zip(quad, [*quad[1:], quad[0]], strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


def _at_detail(layer: Image.Image, quad: Sequence[Point], factor: int) -> Image.Image:
    """`layer` resized to the detail that the quad can show, so that nothing flickers when it shrinks."""
    width, height = (min(side * factor, WARP_LIMIT - 1) for side in quad_size(quad))
    if (width, height) == layer.size:
        return layer
    return layer.resize((width, height), Image.Resampling.LANCZOS)


def _perspective(source: Pixels, corners: Sequence[Point]) -> np.ndarray[Any, Any]:
    """The matrix that takes the outer corners of `source` to `corners`, between pixel centres."""
    width, height = source.shape[1] - 0.5, source.shape[0] - 0.5
    outer = np.array([(-0.5, -0.5), (width, -0.5), (width, height), (-0.5, height)], np.float32)
    matrix: np.ndarray[Any, Any] = cv2.getPerspectiveTransform(outer, np.array(corners, np.float32))
    return matrix
