"""From the pixels of a drawn picture to what it was drawn from: its setting, and every thing in its exact place.

Recognition finds things to within a pixel or two. Here each is fitted to the pixel, so that it can be taken away, moved
or drawn over, and everything else stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageColor

from canvasagent.english.colors import drawn_colors
from canvasagent.imaging.geometry import LARGE_PIXELS, Size, shrunk_size
from canvasagent.sketch import recognise as recognition
from canvasagent.sketch.fitting import View
from canvasagent.sketch.item import Item
from canvasagent.sketch.order import ordered
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.recognise import Recognised, Thing, looks_drawn, recognise
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.setting import Array, Setting, find_setting
from canvasagent.sketch.sprite import all_sprites

NEAR = 7
"""Levels by which a colour that was read may differ from one that has a name, and be taken for it."""


@dataclass(frozen=True)
class Drawing:
    """A drawn picture, read."""

    setting: Setting
    items: tuple[Item, ...]
    """The farthest first."""
    pixels: Array = field(repr=False, compare=False)
    """(height, width, 3) uint8, as they were read."""

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_drawing(picture: Image.Image, large: int = LARGE_PIXELS) -> Drawing | None:
    """What a picture was drawn from, or None if it is no drawing of this world. Its transparency is left aside.

    Of a picture of more than `large` pixels a copy of so many is compared with settings and things, which are then
    adjusted to the picture by a pixel or two. The last few readings are remembered: one picture is asked about
    several times.
    """
    whole = picture.convert("RGB")
    return _remembered(whole.size, whole.tobytes(), large) if looks_drawn(whole) else None


def forget() -> None:
    """Let go of the remembered readings, and of what was recognised."""
    _remembered.cache_clear()
    recognition.forget()


@lru_cache(maxsize=4)
def _remembered(size: Size, data: bytes, large: int) -> Drawing | None:
    picture = Image.frombytes("RGB", size, data)
    found = recognise(picture)
    if not found.drawn:
        return None
    pixels, small = np.asarray(picture), shrunk_size(size, large)
    copy = pixels if small == size else np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA))
    setting = find_setting(copy)
    if setting is None:
        if not found.things:
            return None
        weather: Any = found.air.weather or None
        setting = Setting(light="night" if found.air.night else "day", weather=weather)
    return _read(pixels, copy, setting, found)


def _read(pixels: Array, copy: Array, setting: Setting, found: Recognised) -> Drawing:
    view = View.of(copy, setting)
    rough = [_scaled(_placed(thing), pixels, copy) for thing in found.things]
    if rough and setting.look == "flat" and setting.known:
        view = replace(view, look=view.likelier(rough[0], ("flat", "paper")))
        setting = replace(setting, look=view.look)
    fitted = [view.fitted(placement) for placement in rough]
    if copy is not pixels:
        view = View.of(pixels, setting)
        fitted = [view.adjusted(_scaled(placement, copy, pixels)) for placement in fitted]
    fitted.sort(key=lambda placement: placement.bottom)
    items = [Item(placement) for placement in fitted]
    placed = [items[index] for index in ordered(items, view.clear)]
    kept = [item for item in placed if view.needed(item, placed)]
    return Drawing(setting, tuple(view.labelled(item) for item in kept), pixels)


def _scaled(placement: Placement, before: Array, after: Array) -> Placement:
    """A placement of one picture in a copy of it of another size, in whole pixels."""
    if before is after:
        return placement
    across, down = after.shape[1] / before.shape[1], after.shape[0] / before.shape[0]
    left, top = round(placement.left * across), round(placement.top * down)
    right, bottom = round(placement.right * across), round(placement.bottom * down)
    return replace(placement, left=left, top=top, width=max(right - left, 1), height=max(bottom - top, 1))


def _placed(thing: Thing) -> Placement:
    """What was recognised as a placement in whole pixels."""
    sprite = all_sprites()[thing.name]
    left, top, right, bottom = (round(edge) for edge in thing.box)
    color = _named(thing.color, sprite.info.color)
    place = next((place for place in sprite.info.stands if place in SHADED), sprite.info.stands[0])
    return Placement(0, sprite, place, left, top, max(right - left, 1), max(bottom - top, 1), thing.mirrored, color)


def _named(color: str, usual: str) -> str | None:
    """The colour with a name that one that was read comes near to; None if it is the sprite's own."""
    seen = np.array(ImageColor.getrgb(color)[:3], np.int32)
    for known in dict.fromkeys([usual, *drawn_colors().values()]):
        if int(np.abs(np.array(ImageColor.getrgb(known)[:3], np.int32) - seen).max()) <= NEAR:
            return None if known == usual else known
    return color


def visible(drawing: Drawing, index: int) -> Array:
    """Where an item can be seen: (height, width) bool."""
    shown = drawing.items[index].alpha(drawing.size) > 127
    for nearer in drawing.items[index + 1 :]:
        left, top, right, bottom = nearer.box
        box = drawing.items[index].box
        if left < box[2] and right > box[0] and top < box[3] and bottom > box[1]:
            shown &= nearer.alpha(drawing.size) <= 127
    return np.asarray(shown)


def grown(mask: Array, reach: int) -> Array:
    """A mask that reaches out by some pixels."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
