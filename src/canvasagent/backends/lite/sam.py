"""From a box to the mask of the object in it, on any CPU.

A cut-out's own transparency is believed; of a thing of the drawn world all that can be seen is taken; a flat ground
is flooded; letters are told by their strokes, and believed if they can be read; and on a photograph U²-Netp decides, if
it is on this machine and sure of itself, else GrabCut, in a smaller copy where the box is large. GrabCut is good for
objects that differ in colour from what is round them; camouflage, hair and glass are beyond it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.lite import ocr
from canvasagent.backends.lite.boards import board_in
from canvasagent.backends.lite.cutting import Array, WholeBox, drawn, grabcut, guided, letters, whole
from canvasagent.backends.lite.photographs import networks
from canvasagent.imaging.geometry import PixelBox
from canvasagent.imaging.photograph import LIKELY, is_photograph


class Config(BaseModel):
    """How to cut out."""

    margin: float = Field(default=0.02, ge=0, le=0.5)
    """How far beyond the box the mask may reach, as a share of the box's side: boxes are rarely exact."""
    context: float = Field(default=0.2, ge=0.02, le=2)
    """How much round the box is looked at to learn the ground, as a share of the box's side."""
    work_side: int = Field(default=224, ge=32)
    """GrabCut works on a copy in which the box's longer side is at most this many pixels."""
    reading: ocr.Config = ocr.Config(min_side=320, both_ways=0)
    """How strokes that may be letters are read, to make sure that they are."""


class Backend:
    """Masks what is in a box; see `Config`."""

    tool = "SAM"
    version = "4"
    stochastic = False
    may_hang = False
    networks = (networks.SALIENCY, networks.DETECTOR, networks.GRAPH)

    def __init__(self, config: Config) -> None:
        self.config = config
        self._reader = ocr.Backend(config.reading)

    def __call__(self, *, image: Image.Image, box: PixelBox) -> Image.Image:
        """The mask (L, 0 or 255, size of `image`) of the object in `box`; black all over where there is none.

        Nothing outside the box, grown by `Config.margin` and a pixel, is ever in it.
        """
        inner = _grown(box, self.config.margin, 1, image.size)
        if (thing := _drawn_thing(image, box)) is not None:
            clipped = Image.new("L", image.size, 0)
            clipped.paste(thing.crop(inner), inner)
            return clipped
        outer = _grown(box, self.config.context, 6, image.size)
        part = image.crop(outer)
        local = (inner[0] - outer[0], inner[1] - outer[1], inner[2] - outer[0], inner[3] - outer[1])
        tight = _grown(box, 0, 0, image.size)
        tight = (tight[0] - outer[0], tight[1] - outer[1], tight[2] - outer[0], tight[3] - outer[1])
        mask = np.zeros((image.height, image.width), bool)
        mask[outer[1] : outer[3], outer[0] : outer[2]] = self._cut(part, local, tight)
        return Image.fromarray(_without_nearer(mask, image, box) * np.uint8(255))

    def _cut(self, part: Image.Image, box: WholeBox, tight: WholeBox) -> Array:
        """The boolean mask of `part`: `box` is where it may reach, `tight` the box that was asked for."""
        pixels = np.asarray(part.convert("RGB"))
        if "A" in part.getbands():
            solid = np.zeros(pixels.shape[:2], bool)
            opaque = np.asarray(part.getchannel("A"))[box[1] : box[3], box[0] : box[2]] > 127
            solid[box[1] : box[3], box[0] : box[2]] = opaque
            if opaque.mean() < 0.98:
                return solid
        mask = drawn(pixels, box)
        if mask is not None:
            return mask
        board = board_in(pixels, tight)
        if board is not None:
            return board & _within(board.shape, box)
        readable = [mask for mask in letters(pixels, box)[:3] if self._reads(mask, box)]
        return readable[0] if readable else self._photograph(pixels, box, tight)

    def _reads(self, mask: Array, box: WholeBox) -> bool:
        """Whether the strokes in a mask, black on white, can be read as text along the better part of the box."""
        page = np.where(mask[box[1] : box[3], box[0] : box[2]], np.uint8(0), np.uint8(255))
        page = np.pad(page, 8, constant_values=255)
        lines = [line for line in self._reader(image=Image.fromarray(page).convert("RGB")) if line.score > 0.8]
        width = max((line.box[2] for line in lines), default=0.0) - min((line.box[0] for line in lines), default=0.0)
        return sum(len(line.text) for line in lines) > 1 and width > 0.6 * (box[2] - box[0])

    def _photograph(self, pixels: Array, box: WholeBox, tight: WholeBox) -> Array:
        if networks.has(networks.SALIENCY):
            from canvasagent.backends.lite.photographs.saliency import thing_in

            mask = thing_in(pixels, tight)
            if mask is not None:
                return mask & _within(mask.shape, box)
        scale = min(1.0, self.config.work_side / max(box[2] - box[0], box[3] - box[1]))
        if scale == 1.0:
            return grabcut(pixels, tight)
        height, width = pixels.shape[:2]
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        ratio = (size[0] / width, size[1] / height)
        small: WholeBox = (
            math.floor(tight[0] * ratio[0]),
            math.floor(tight[1] * ratio[1]),
            min(math.ceil(tight[2] * ratio[0]), size[0]),
            min(math.ceil(tight[3] * ratio[1]), size[1]),
        )
        coarse = grabcut(np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)), small)
        enlarged = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        mask = guided(enlarged, pixels, max(2, round(2 / scale))) > 0.5
        return whole(mask & _within(mask.shape, box))


def _without_nearer(mask: Array, image: Image.Image, box: PixelBox) -> Array:
    """In a photograph a thing's mask without what stands in front of it."""
    pixels = np.asarray(image.convert("RGB"))
    if "A" in image.getbands() or not networks.has(networks.DETECTOR) or not is_photograph(pixels, LIKELY):
        return mask
    from canvasagent.backends.lite.photographs.nearer import without_nearer

    return without_nearer(mask, pixels, box)


def _within(shape: tuple[int, ...], box: WholeBox) -> Array:
    """True inside a box, (height, width)."""
    inside = np.zeros(shape, bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    return inside


def _drawn_thing(image: Image.Image, box: PixelBox) -> Image.Image | None:
    """The mask of the thing of the drawn world that a box is about; None for none, or where nothing looks drawn."""
    from canvasagent.backends.lite.drawn_things import thing_mask
    from canvasagent.sketch.recognise import looks_drawn

    return thing_mask(image, box) if "A" not in image.getbands() and looks_drawn(image) else None


def _grown(box: PixelBox, share: float, least: int, size: tuple[int, int]) -> WholeBox:
    """Whole pixels that cover `box`, grown by `share` of its sides and at least `least` pixels, inside the picture."""
    across = max(share * (box[2] - box[0]), least)
    down = max(share * (box[3] - box[1]), least)
    left = min(max(math.floor(box[0] - across), 0), size[0] - 1)
    top = min(max(math.floor(box[1] - down), 0), size[1] - 1)
    right = max(min(math.ceil(box[2] + across), size[0]), left + 1)
    bottom = max(min(math.ceil(box[3] + down), size[1]), top + 1)
    return left, top, right, bottom
