"""From the pixels of a drawn picture to what it was drawn from: its setting, and every thing in its exact place.

Recognition finds things to within a pixel or two. Here each is drawn again and moved by whole pixels until it agrees
with the picture, so that it can be taken away, moved or drawn over, and everything else stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageColor

from canvasagent.english.colors import drawn_colors
from canvasagent.imaging.geometry import Size
from canvasagent.sketch import recognise as recognition
from canvasagent.sketch.item import Box, Item
from canvasagent.sketch.order import ordered
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.recognise import Recognised, Thing, looks_drawn, recognise
from canvasagent.sketch.render import SHADED, put
from canvasagent.sketch.scene import Look
from canvasagent.sketch.setting import Array, Setting, find_setting
from canvasagent.sketch.sprite import all_sprites

NEAR = 7
"""Levels by which a colour that was read may differ from one that has a name, and be taken for it."""
WRONG = 30
"""A pixel that differs by more is no worse than one that differs by so much: something else is there."""
_ROUNDS = 6


@dataclass(frozen=True)
class Drawing:
    """A drawn picture, read."""

    setting: Setting
    items: tuple[Item, ...]
    """The farthest first."""
    pixels: Array = field(repr=False, compare=False)
    """(height, width, 3) uint8, as they were read."""
    things: tuple[Thing, ...] = field(default=(), repr=False, compare=False)
    """What was recognised, in the order of `items`."""

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_drawing(picture: Image.Image) -> Drawing | None:
    """What a picture was drawn from, or None if it is no drawing of this world. Its transparency is left aside.

    The last few readings are remembered: one picture is asked about several times.
    """
    whole = picture.convert("RGB")
    return _remembered(whole.size, whole.tobytes()) if looks_drawn(whole) else None


def forget() -> None:
    """Let go of the remembered readings, and of what was recognised."""
    _remembered.cache_clear()
    recognition.forget()


@lru_cache(maxsize=4)
def _remembered(size: Size, data: bytes) -> Drawing | None:
    picture = Image.frombytes("RGB", size, data)
    found = recognise(picture)
    if not found.drawn:
        return None
    pixels = np.asarray(picture)
    setting = find_setting(pixels)
    if setting is None:
        if not found.things:
            return None
        weather: Any = found.air.weather or None
        setting = Setting(light="night" if found.air.night else "day", weather=weather)
    return _read(pixels, setting, found)


def _read(pixels: Array, setting: Setting, found: Recognised) -> Drawing:
    size = pixels.shape[1], pixels.shape[0]
    factor, offset = setting.air(size[1])
    clear = (pixels - offset) / factor
    levels = np.clip(np.rint(clear), 0, 255).astype(np.uint8)
    view = _View(clear, levels, setting.picture(size) if setting.known else None, setting.look)
    rough = [(_placed(thing, size), thing) for thing in found.things]
    if rough and setting.look == "flat" and setting.known:
        view = replace(view, look=view.likelier(rough[0][0], ("flat", "paper")))
        setting = replace(setting, look=view.look)
    fitted = [(Item(view.fitted(placement)), thing) for placement, thing in rough]
    fitted.sort(key=lambda pair: pair[0].placement.bottom)
    order = ordered([pair[0] for pair in fitted], clear)
    pairs = [(fitted[index][0], fitted[index][1]) for index in order]
    kept = [pair for pair in pairs if view.needed(pair[0], [item for item, _ in pairs])]
    items = tuple(view.labelled(item) for item, _ in kept)
    return Drawing(setting, items, pixels, tuple(thing for _, thing in kept))


def _placed(thing: Thing, size: Size) -> Placement:
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


@dataclass(frozen=True)
class _View:
    """The picture in daylight, and what is behind its things."""

    clear: Array
    levels: Array
    """The same in uint8."""
    ground: Image.Image | None
    look: Look

    def likelier(self, placement: Placement, looks: tuple[Look, ...]) -> Look:
        """The look in which a thing agrees best with the picture."""
        window = self.window(placement, 12)
        return min(looks, key=lambda look: self.cost([Item(placement)], window, look))

    def window(self, placement: Placement, reach: int) -> Box:
        """The thing's box and what is round it, within the picture."""
        height, width = self.clear.shape[:2]
        below = reach + round(0.1 * placement.height)
        return (
            max(round(placement.left) - reach, 0),
            max(round(placement.top) - reach, 0),
            min(round(placement.right) + reach + round(0.1 * placement.width), width),
            min(round(placement.bottom) + below, height),
        )

    def cost(self, items: Sequence[Item], window: Box, look: Look | None = None) -> float:
        """How far the picture is, within the window, from one with these things."""
        left, top, right, bottom = window
        if self.ground is None or right <= left or bottom <= top:
            return 0.0
        part = self.ground.crop(window)
        for item in items:
            paste(part, item, (left, top), look or self.look, min(self.ground.size))
        first, second, third = cv2.split(cv2.absdiff(np.asarray(part), self.levels[top:bottom, left:right]))
        away = cv2.max(cv2.max(first, second), third)
        return float(cv2.threshold(away, WRONG, 0, cv2.THRESH_TRUNC)[1].sum())

    def fitted(self, placement: Placement) -> Placement:
        """The thing moved and stretched by whole pixels to where it agrees best, with its shadow or without."""
        if self.ground is None:
            return placement
        longest = max(self.clear.shape[:2])
        reach = 2 + longest // 400
        window = self.window(placement, 2 * reach + 2)
        best, least = placement, self.cost([Item(placement)], window)
        steps = [step for step in (4, 2, 1) if step <= reach]
        for step in steps:
            for _ in range(_ROUNDS):
                tried = [(self.cost([Item(moved)], window), moved) for moved in _moves(best, step)]
                cost, moved = min(tried, key=lambda pair: pair[0])
                if cost >= least:
                    break
                best, least = moved, cost
        other = replace(best, place="sky" if best.place in SHADED else "ground")
        return other if self.cost([Item(other)], window) < least else best

    def needed(self, item: Item, items: Sequence[Item]) -> bool:
        """Whether the picture is better explained with the item than without it."""
        if self.ground is None:
            return True
        window = self.window(item.placement, 2)
        others = [other for other in items if other is not item]
        return self.cost(items, window) < 0.97 * self.cost(others, window)

    def labelled(self, item: Item) -> Item:
        """The item with what is written on it."""
        window = text_window(item)
        if window is None or self.ground is None:
            return item
        left, top, right, bottom = window
        height, width = self.clear.shape[:2]
        if left < 0 or top < 0 or right > width or bottom > height or right - left < 4 or bottom - top < 4:
            return item
        plain = Image.new("RGB", (right - left, bottom - top))
        paste(plain, item, (left, top), "flat", min(self.ground.size))
        seen = self.clear[top:bottom, left:right]
        away = np.abs(np.asarray(plain, np.float32) - seen).max(axis=2) > WRONG
        if away.mean() < 0.02:
            return item
        return replace(item, label=Image.fromarray(np.clip(np.rint(seen), 0, 255).astype(np.uint8)))


def _moves(placement: Placement, step: int) -> list[Placement]:
    """The thing moved, or one of its edges."""
    found = []
    for across, down, wide, tall in (
        (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
        (0, 0, 0, -1), (1, 0, -1, 0), (-1, 0, 1, 0), (0, 1, 0, -1), (0, -1, 0, 1), (-1, 0, 2, 0), (1, 0, -2, 0),
        (0, -1, 0, 2), (0, 1, 0, -2),
    ):  # fmt: skip
        moved = replace(
            placement,
            left=placement.left + across * step,
            top=placement.top + down * step,
            width=placement.width + wide * step,
            height=placement.height + tall * step,
        )
        if moved.width >= 1 and moved.height >= 1:
            found.append(moved)
    return found


def text_window(item: Item) -> Box | None:
    """Where in the picture the text box of a thing is."""
    info, sprite = item.placement.sprite.info, item.placement.sprite
    if info.text_box is None:
        return None
    left, top, right, bottom = item.box
    x, y, wide, tall = info.text_box
    x = sprite.width - x - wide if item.placement.mirrored else x
    across, down = (right - left) / sprite.width, (bottom - top) / sprite.height
    return (
        left + round(x * across),
        top + round(y * down),
        left + round((x + wide) * across),
        top + round((y + tall) * down),
    )


def paste(ground: Image.Image, item: Item, corner: tuple[int, int], look: Look, side: int) -> None:
    """Put an item with its label on a part of the picture that begins at `corner`, in place."""
    place = item.placement
    put(ground, replace(place, left=place.left - corner[0], top=place.top - corner[1]), look, side)
    window = text_window(item)
    if item.label is not None and window is not None:
        size = max(window[2] - window[0], 1), max(window[3] - window[1], 1)
        label = item.label if item.label.size == size else item.label.resize(size, Image.Resampling.BICUBIC)
        ground.paste(label, (window[0] - corner[0], window[1] - corner[1]))


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
