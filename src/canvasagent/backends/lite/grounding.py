"""Grounding without weights: faces, text and coloured shapes. Anything else is refused in words.

What a phrase may say is data (`words.toml`); a phrase with a word that means nothing here is refused as a whole,
because a box for half of what was asked would be a wrong answer that looks right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.base import Detection, TextLine
from canvasagent.backends.lite import ocr
from canvasagent.backends.lite.cutting import drawn
from canvasagent.backends.lite.faces import find_faces
from canvasagent.backends.lite.phrases import Query, parse, vocabulary
from canvasagent.backends.lite.said import find_said
from canvasagent.backends.lite.shapes import Array, Region, colour_mask, likeness, regions
from canvasagent.errors import ToolRefusal
from canvasagent.geometry import PixelBox, Size

CAN_FIND = (
    "faces ('the face'), text ('the text', 'the sign that says \"SALE\"') and coloured shapes "
    "('the red circle', 'all triangles', 'the largest blue area', 'the second square from the left')"
)


class Config(BaseModel):
    """What is taken for a match."""

    shape_likeness: float = Field(default=0.8, ge=0, le=1)
    """How much an outline must look like a shape to be called one."""
    text_likeness: float = Field(default=0.75, ge=0, le=1)
    """How much text that was read must look like the text that is looked for."""
    most: int = Field(default=100, ge=1)
    """At most this many matches are given."""
    reading: ocr.Config = ocr.Config()
    """How text is read."""


class Backend:
    """Finds what a phrase describes; see `Config`."""

    tool = "Grounding"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._reader = ocr.Backend(config.reading)

    def __call__(self, *, image: Image.Image, phrase: str) -> list[Detection]:
        """Every match of `phrase`, best first, or in the order that it asks for; an empty list for none.

        Raises `ToolRefusal` for a phrase that asks for something else than faces, text and coloured shapes.
        """
        query = parse(phrase)
        if query.unknown or not query.kind:
            what = " and ".join(f"'{word}'" for word in query.unknown) or f"'{phrase}'"
            raise ToolRefusal(
                f"The lite Grounding cannot look for {what} (asked: '{phrase}'). It finds {CAN_FIND}. "
                "`--profile full` finds whatever can be named."
            )
        finders: dict[str, Callable[[Image.Image, Query], list[Detection]]] = {
            "face": _faces,
            "head": _faces,
            "text": self._text,
        }
        found = finders.get(query.kind, self._shapes)(image, query)
        return _chosen(found, query, image.size)[: self.config.most]

    def _text(self, image: Image.Image, query: Query) -> list[Detection]:
        lines: Sequence[TextLine] = self._reader(image=image)
        if query.colour:
            pixels, colour = _opaque_rgb(image)[0], vocabulary()["colours"][query.colour]
            lines = [line for line in lines if _written_in(pixels, line, colour)]
        if query.quoted:
            return find_said(lines, query.quoted, query.whole_line, self.config.text_likeness)
        return [Detection(line.text, line.box, line.score) for line in lines]

    def _shapes(self, image: Image.Image, query: Query) -> list[Detection]:
        pixels, solid = _opaque_rgb(image)
        colours = vocabulary()["colours"]
        names = [query.colour] if query.colour else list(colours) if query.shape else []
        label = " ".join(word for word in (query.colour, query.shape or query.kind) if word)
        if not names:
            return _anything(pixels, solid, label)
        found: list[Detection] = []
        for name in names:
            mask = colour_mask(pixels, colours[name]) & solid
            for region in regions(mask, ground=query.kind == "area"):
                score = region.score
                if query.shape:
                    fit = self._fit(region, query.shape)
                    if fit < self.config.shape_likeness:
                        continue
                    score = fit
                found.append(Detection(label, region.box, round(min(score, 1.0), 4)))
        return _without_small_bits(_without_doubles(found)) if query.kind != "shape" else _without_doubles(found)

    def _fit(self, region: Region, shape: str) -> float:
        names = [shape, *vocabulary()["shape_also"].get(shape, [])]
        return max(likeness(region.outline, name) for name in names)


def _faces(image: Image.Image, query: Query) -> list[Detection]:
    pixels, _ = _opaque_rgb(image)
    if query.colour:
        raise ToolRefusal(f"The lite Grounding cannot tell the colour of faces ('{query.colour}'). Ask for 'the face'.")
    found = []
    for (left, top, right, bottom), score in find_faces(pixels):
        if query.kind == "head":  # a face's box starts at the brow and leaves out hair, ears and chin
            across, up, down = 0.18 * (right - left), 0.38 * (bottom - top), 0.15 * (bottom - top)
            left, right = max(left - across, 0), min(right + across, image.width)
            top, bottom = max(top - up, 0), min(bottom + down, image.height)
        found.append(Detection(query.kind, (left, top, right, bottom), score))
    return found


def _opaque_rgb(image: Image.Image) -> tuple[Array, Array]:
    """The colours on a mid-grey ground, and where the picture is opaque (boolean)."""
    if "A" not in image.getbands():
        pixels = np.asarray(image.convert("RGB"))
        return pixels, np.ones(pixels.shape[:2], bool)
    rgba = np.asarray(image.convert("RGBA"))
    solid = rgba[..., 3] > 127
    return np.where(solid[..., None], rgba[..., :3], np.uint8(128)), solid


def _anything(pixels: Array, solid: Array, label: str) -> list[Detection]:
    """Every thing on a flat or transparent ground, whatever it is."""
    height, width = pixels.shape[:2]
    mask = solid if not solid.all() else drawn(pixels, (0, 0, width, height))
    if mask is None:
        raise ToolRefusal(
            f"The lite Grounding can tell '{label}' only on a plain or transparent ground, which this picture does not "
            f"have. Say its colour or shape: it finds {CAN_FIND}. `--profile full` finds whatever can be named."
        )
    return [Detection(label, region.box, round(region.score, 4)) for region in regions(mask, ground=True)]


def _written_in(pixels: Array, line: TextLine, colour: dict[str, Any]) -> bool:
    """Whether the strokes of a line, the smaller part of its box, are of a colour."""
    left, top, right, bottom = (round(edge) for edge in line.box)
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    return part.size > 0 and 0.05 < float(colour_mask(np.ascontiguousarray(part), colour).mean()) < 0.6


def _size(box: PixelBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (_size(one) + _size(other) - shared)


def _without_doubles(found: list[Detection]) -> list[Detection]:
    """Without what was found under two colour names: orange and brown, say, share some hues."""
    kept: list[Detection] = []
    for item in sorted(found, key=lambda item: (-item.score, item.box)):
        if all(_shared(item.box, other.box) < 0.6 for other in kept):
            kept.append(item)
    return kept


def _without_small_bits(found: list[Detection]) -> list[Detection]:
    """Without what is tiny beside the largest: a photograph has specks of every colour."""
    largest = max((_size(item.box) for item in found), default=0.0)
    return [item for item in found if _size(item.box) > 0.1 * largest]


@dataclass(frozen=True, slots=True)
class _Order:
    """How far along an order something is; the smaller comes first."""

    size: Size

    def __call__(self, name: str, box: PixelBox) -> float:
        x, y = (box[0] + box[2]) / 2 / self.size[0], (box[1] + box[3]) / 2 / self.size[1]
        area = _size(box) / (self.size[0] * self.size[1])
        by_name = {"left": x, "right": -x, "top": y, "bottom": -y, "large": -area, "small": area}
        return by_name[name] if name in by_name else abs(x - 0.5) + abs(y - 0.5)


def _chosen(found: list[Detection], query: Query, size: Size) -> list[Detection]:
    """Those that the phrase's place, size, ordinal and number pick out."""
    order = _Order(size)
    if query.kind not in {"text"} or query.quoted:
        found = sorted(found, key=lambda item: (-item.score, -_size(item.box), item.box))
    if not query.order and not query.ordinal:
        return found[: query.count or None]
    names = query.order or ["left"]
    ranked = sorted(found, key=lambda item: (sum(order(name, item.box) for name in names), item.box))
    if query.ordinal:
        at = query.ordinal - 1 if query.ordinal > 0 else query.ordinal
        return [ranked[at]] if -len(ranked) <= at < len(ranked) else []
    if query.plural and not query.count:
        halves = {"left": 0.5, "right": -0.5, "top": 0.5, "bottom": -0.5}
        return [item for item in ranked if all(order(name, item.box) < halves.get(name, 1.0) for name in names)]
    return ranked[: query.count or 1]
