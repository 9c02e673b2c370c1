"""All that can be found in a picture by who does not know what is in it.

In a drawing the things of the drawn world; in a photograph things and faces; elsewhere shapes of one colour.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.choice import without_doubles, without_small_bits
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.shapes import LIKENESS, color_mask, hard_edges, likeness, regions
from canvasagent.english.colors import drawn_colors, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox
from canvasagent.imaging.photograph import LIKELY, is_photograph
from canvasagent.tools.grounding import EVERYTHING

Array = np.ndarray[Any, Any]
Faces = Callable[[Array], list[tuple[PixelBox, float]]]
MOST_SIDE = 800
"""Longest side in pixels of the copy in which shapes are looked for."""


def everything(image: Image.Image, pixels: Array, solid: Array, faces: Faces, least: float) -> list[Detection]:
    """All that is found, the surest first.

    `pixels` are its colours (height, width, 3), `solid` where it is opaque; `faces` finds faces; a shape looks like
    its name by at least `least`. Raises `ToolRefusal` for a photograph without a face where the networks that find
    things in photographs are not on this machine.
    """
    found = _drawn(image)
    if not found and is_photograph(pixels, LIKELY):
        found = [*_photographed(pixels), *(Detection("face", box, score) for box, score in faces(pixels))]
        if not found and not networks.has(networks.DETECTOR, networks.GRAPH):
            from canvasagent.backends.lite.photographs.finding import missing

            raise ToolRefusal(missing(EVERYTHING))
    elif not found:
        found = _shapes(image, pixels, solid, least)
    return sorted(found, key=lambda item: (-item.score, item.box))


def _drawn(image: Image.Image) -> list[Detection]:
    from canvasagent.sketch.recognise import looks_drawn, recognise

    if not looks_drawn(image):
        return []
    return [
        Detection(f"{_color_word(thing.color)} {thing.name.replace('-', ' ')}", _within(thing.box, image), thing.score)
        for thing in recognise(image).things
    ]


def _within(box: PixelBox, image: Image.Image) -> PixelBox:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(image.width)), min(bottom, float(image.height))


@cache
def _color_word(color: str) -> str:
    """The color name that comes nearest to #rrggbb."""
    wanted = np.array(ImageColor.getrgb(color)[:3], float)
    names = drawn_colors()
    return min(names, key=lambda name: float(np.abs(np.array(ImageColor.getrgb(names[name])[:3]) - wanted).sum()))


def _photographed(pixels: Array) -> list[Detection]:
    from canvasagent.backends.lite.photographs.detector import find_things

    if not networks.has(networks.DETECTOR, networks.GRAPH):
        return []
    return [Detection(thing.name, thing.box, thing.score) for thing in find_things(pixels)]


def _shapes(image: Image.Image, pixels: Array, solid: Array, least: float) -> list[Detection]:
    """Shapes of one colour that look like one that has a name."""
    scale = min(1.0, MOST_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    opaque = np.asarray(Image.fromarray(solid).resize(size, Image.Resampling.NEAREST))
    across, down = image.width / size[0], image.height / size[1]
    edges, found = hard_edges(small), list[Detection]()
    for family in lexicon()["families"]:
        for region in regions(color_mask(small, hsv_range(family)) & opaque, ground=False, edges=edges):
            score, shape = max((likeness(region.outline, name), name) for name in LIKENESS)
            if score >= least:
                left, top, right, bottom = region.box
                box = (left * across, top * down, right * across, bottom * down)
                found.append(Detection(f"{family} {shape}", box, round(min(score, 1.0), 4)))
    return without_small_bits(without_doubles(found))
