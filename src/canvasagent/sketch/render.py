"""From placements to a picture: background, shadows, sprites, words, light, weather and look."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFilter

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.atmosphere import dim, fall, veil
from canvasagent.sketch.background import Background
from canvasagent.sketch.lettering import banner, caption, write_in
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.scene import Light, Look, Scene, Weather
from canvasagent.sketch.sprite import Sprite, rasterise

SHADED = ("ground", "floor", "road", "table", "shelf")
"""Places whose things throw a shadow on what they stand on."""
_GRAIN = 509
"""Side of the piece of paper that is laid out over the picture."""
_STEPS = (64, 128, 256, 512, 1024)


def render(
    scene: Scene, placements: list[Placement], background: Background | None, size: Size, seed: int
) -> Image.Image:
    """The picture (RGB) of a scene that was laid out. The same arguments give the same bytes."""
    palette = seed % (len(background.info.palettes) if background is not None else 1)
    ground = ground_picture(background, scene.ground, size, palette)
    outdoors = background is None or not background.info.indoor
    ground = dim(paled(ground, scene.look), scene.light, outdoors)
    for placement in placements:
        put(ground, placement, scene.look)
    picture = through_air(ground, scene.light, scene.weather if outdoors else None)
    if scene.weather is not None and outdoors:
        picture = fall(picture, scene.weather, seed)
    if scene.look == "paper":
        picture = grain(picture, seed)
    if scene.banner:
        picture = banner(picture, scene.banner)
    if scene.caption:
        picture = caption(picture, scene.caption)
    return picture


def ground_picture(background: Background | None, color: str | None, size: Size, palette: int) -> Image.Image:
    """What things stand before: a drawn place, or a plain ground with a soft floor."""
    if background is not None:
        return background.picture(size, palette)
    return Image.new("RGB", size, color or "#dfe6e8")


def paled(ground: Image.Image, look: Look) -> Image.Image:
    """The place before any light: in outlines it is faint."""
    return Image.blend(ground, Image.new("RGB", ground.size, (255, 255, 255)), 0.55) if look == "outline" else ground


def through_air(picture: Image.Image, light: Light, weather: Weather | None) -> Image.Image:
    """What lies before everything: at night things are dark too (less than the place, so that they can be made out),
    and weather veils them."""
    if light == "night":
        picture = Image.blend(picture, Image.new("RGB", picture.size, (30, 40, 92)), 0.22)
    return picture if weather is None else veil(picture, weather)


@lru_cache(maxsize=128)
def _stepped(markup: str, aspect: float, step: int) -> tuple[Image.Image, np.ndarray[Any, Any]]:
    """A sprite at a step of sizes, and the same with its colours multiplied by its alpha."""
    drawn = rasterise(markup, max(1, round(step * aspect)), step)
    return drawn, np.asarray(drawn.convert("RGBa"))


def sprite_picture(sprite: Sprite, color: str | None, size: Size, mirrored: bool) -> Image.Image:
    """A sprite at that size in pixels (RGBA): drawn once a step of sizes, then scaled, so that scenes are quick."""
    step = next((value for value in _STEPS if value >= size[1]), _STEPS[-1])
    drawn, pixels = _stepped(sprite.markup(color), sprite.aspect, step)
    if drawn.size != size:
        interpolation = cv2.INTER_AREA if size[1] <= step else cv2.INTER_CUBIC
        scaled = cv2.resize(pixels, size, interpolation=interpolation)
        drawn = Image.fromarray(scaled, "RGBa").convert("RGBA")
    return drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else drawn


def put(ground: Image.Image, placement: Placement, look: Look, side: int | None = None) -> None:
    """Put a thing and its shadow on the picture, in place. `side`: the shorter side of the whole picture, where
    `ground` is but a part of it."""
    wide, tall = max(1, round(placement.width)), max(1, round(placement.height))
    at = round(placement.left), round(placement.top)
    thing = sprite_picture(placement.sprite, placement.color, (wide, tall), placement.mirrored)
    if placement.words and placement.sprite.info.text_box:
        thing = write_in(thing, placement.sprite, placement.words, placement.mirrored)
    if placement.place in SHADED:
        _shadow(ground, at, (wide, tall))
    if look != "flat":
        _edge(ground, thing, at, look, side or min(ground.size))
    ground.paste(thing, at, thing)


@lru_cache(maxsize=8)
def _blot(side: int) -> Image.Image:
    """A soft round shadow (L), darkest in the middle."""
    axis = np.linspace(-1, 1, side)
    distance = np.hypot(*np.meshgrid(axis, axis))
    return Image.fromarray((np.clip(1 - distance, 0, 1) ** 0.8 * 110).astype(np.uint8))


def _shadow(ground: Image.Image, at: tuple[int, int], size: Size) -> None:
    """A soft contact shadow below a thing, drawn out to the lower right: the light comes from the top left."""
    wide, tall = size
    width, height = max(4, round(wide * 1.12)), max(3, round(min(wide * 0.16, tall * 0.2)))
    blot = _blot(128).resize((width, height), Image.Resampling.BILINEAR)
    place = at[0] - round(wide * 0.02), at[1] + tall - round(height * 0.62)
    ground.paste((24, 28, 44), (place[0], place[1]), blot)


def _edge(ground: Image.Image, thing: Image.Image, at: tuple[int, int], look: Look, side: int) -> None:
    """The rim of a look: a dark line (outline), or a white paper border with a shadow (paper)."""
    rim = max(2, round(side * (0.006 if look == "outline" else 0.010)))
    solid = np.pad(np.asarray(thing.getchannel("A")), rim * 2)
    away = cv2.distanceTransform((solid < 128).astype(np.uint8), cv2.DIST_L2, 5)
    grown = Image.fromarray((np.clip(rim + 0.5 - away, 0, 1) * 255).astype(np.uint8))
    corner = at[0] - 2 * rim, at[1] - 2 * rim
    if look == "paper":
        shade = grown.filter(ImageFilter.GaussianBlur(rim)).point([value // 3 for value in range(256)])
        ground.paste((20, 20, 30), (corner[0] + rim, corner[1] + rim), shade)
        ground.paste((252, 251, 247), corner, grown)
    else:
        ground.paste((34, 36, 44), corner, grown)


def grain(picture: Image.Image, seed: int) -> Image.Image:
    """A fine paper grain."""
    tile = np.rint(np.random.default_rng(seed).normal(0, 3.0, (_GRAIN, _GRAIN))).astype(np.int16)
    across, down = -(-picture.width // _GRAIN), -(-picture.height // _GRAIN)
    noise = np.tile(tile, (down, across))[: picture.height, : picture.width]
    lighter, darker = (np.maximum(sign * noise, 0).astype(np.uint8) for sign in (1, -1))
    bands = [cv2.subtract(cv2.add(band, lighter), darker) for band in cv2.split(np.asarray(picture))]
    return Image.fromarray(cv2.merge(bands))
