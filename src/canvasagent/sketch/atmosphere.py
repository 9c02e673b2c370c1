"""Light and weather on a drawn picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.scene import Light, Weather


@lru_cache(maxsize=16)
def _slope(size: Size) -> Image.Image:
    """A mask (L) from 255 at the top to 0 at the bottom."""
    column = np.linspace(255, 0, size[1]).astype(np.uint8)[:, None]
    return Image.fromarray(np.repeat(column, size[0], axis=1))


def dim(picture: Image.Image, light: Light, outdoors: bool) -> Image.Image:
    """The place in the light of day, dusk or night, before things are put into it."""
    lit = tinted(picture, light, outdoors)
    return _stars(lit) if light == "night" and outdoors else lit


def tinted(picture: Image.Image, light: Light, outdoors: bool) -> Image.Image:
    """What a light does to the colours of a place, without stars."""
    if light == "night":
        return Image.blend(picture, Image.new("RGB", picture.size, (14, 20, 58)), 0.68 if outdoors else 0.55)
    if light == "dusk":
        warm = Image.blend(picture, Image.new("RGB", picture.size, (240, 120, 70)), 0.30)
        pink = Image.blend(picture, Image.new("RGB", picture.size, (120, 70, 130)), 0.30)
        return Image.composite(pink, warm, _slope(picture.size))
    return picture


def _stars(picture: Image.Image) -> Image.Image:
    """Small fixed stars in the upper third."""
    random = np.random.default_rng(7)
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for x, y, bright in random.random((40, 3)):
        radius = max(0.6, min(width, height) / 512 * (0.5 + bright))
        left, top = x * width, y * height * 0.34
        shade = round(150 + 100 * bright)
        draw.ellipse((left - radius, top - radius, left + radius, top + radius), fill=(shade, shade, shade))
    return picture


def veil(picture: Image.Image, weather: Weather) -> Image.Image:
    """What weather does to colours: rain greys and darkens, snow and fog lighten."""
    color, share = {"rain": ((70, 80, 96), 0.30), "snow": ((226, 233, 242), 0.22), "fog": ((222, 226, 230), 0.45)}[
        weather
    ]
    if weather == "fog":
        thick = Image.blend(picture, Image.new("RGB", picture.size, color), 0.62)
        return Image.composite(
            thick, Image.blend(picture, Image.new("RGB", picture.size, color), 0.2), _slope(picture.size)
        )
    return Image.blend(picture, Image.new("RGB", picture.size, color), share)


def fall(picture: Image.Image, weather: Weather, seed: int) -> Image.Image:
    """Drops or flakes over the whole picture."""
    if weather == "fog":
        return picture
    width, height = picture.size
    unit = min(width, height) / 512
    random = np.random.default_rng(seed)
    layer = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(layer)
    for x, y, near in random.random((150 if weather == "rain" else 130, 3)):
        left, top = x * width * 1.1, y * height
        if weather == "rain":
            length = (12 + 14 * near) * unit
            draw.line(
                (left, top, left - length * 0.28, top + length), fill=round(90 + 70 * near), width=max(1, round(unit))
            )
        else:
            radius = (1.0 + 2.2 * near) * unit
            draw.ellipse((left - radius, top - radius, left + radius, top + radius), fill=round(150 + 100 * near))
    picture = picture.copy()
    picture.paste((205, 218, 236) if weather == "rain" else (255, 255, 255), (0, 0), layer)
    return picture
