"""A drawn thing in its exact place, and how it is put on a picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.render import put, sprite_picture
from canvasagent.sketch.scene import Look
from canvasagent.sketch.setting import Array

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels."""


@dataclass(frozen=True)
class Item:
    """A thing in its exact place."""

    placement: Placement
    label: Image.Image | None = field(default=None, repr=False, compare=False)
    """What is written in its text box, in the colours of daylight."""

    @property
    def name(self) -> str:
        """The sprite's name."""
        return self.placement.sprite.info.name

    @property
    def box(self) -> Box:
        """Left, top, right and bottom in whole pixels."""
        left, top = round(self.placement.left), round(self.placement.top)
        return left, top, left + max(1, round(self.placement.width)), top + max(1, round(self.placement.height))

    def alpha(self, size: Size) -> Array:
        """How far it covers each pixel of a picture of that size, (height, width) uint8; what hides it left aside."""
        left, top, right, bottom = self.box
        place = self.placement
        thing = sprite_picture(place.sprite, place.color, (right - left, bottom - top), place.mirrored)
        canvas = Image.new("L", size)
        canvas.paste(thing.getchannel("A"), (left, top))
        return np.asarray(canvas)


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
