"""A thing of a drawing in its exact place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.render import sprite_picture
from canvasagent.sketch.setting import Array

Box = tuple[int, int, int, int]


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
