"""Grounding on any CPU: faces, text, coloured shapes; the drawn world's things in drawings; things in photographs.

The last needs small networks (`photographs/`) and is refused where they are not on this machine.

Anything else is refused in words. What a phrase may say is data (`words.toml`, and the sprites' own names); a phrase
with a word that means nothing here is refused as a whole, because a box for half of what was asked would be a wrong
answer that looks right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.base import Detection, TextLine
from canvasagent.backends.lite import ocr
from canvasagent.backends.lite.boards import board_box
from canvasagent.backends.lite.choice import by_area, by_score, chosen, without_doubles, without_small_bits
from canvasagent.backends.lite.cutting import Array, drawn
from canvasagent.backends.lite.everything import everything
from canvasagent.backends.lite.faces import find_faces
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.phrases import Query, color_range, parse, vocabulary
from canvasagent.backends.lite.said import find_said
from canvasagent.backends.lite.shapes import Region, color_mask, hard_edges, likeness, regions
from canvasagent.english.colors import HsvRange, hsv_range
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox
from canvasagent.imaging.photograph import LIKELY, is_photograph
from canvasagent.tools.grounding import EVERYTHING

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
    max_side: int = Field(default=1600, ge=64)
    """Shapes are looked for in a copy whose longer side is at most this many pixels."""
    most: int = Field(default=100, ge=1)
    """At most this many matches are given."""
    reading: ocr.Config = ocr.Config()
    """How text is read."""


class Backend:
    """Finds what a phrase describes; see `Config`."""

    tool = "Grounding"
    version = "5"
    stochastic = False
    may_hang = False
    networks = networks.ALL

    def __init__(self, config: Config) -> None:
        self.config = config
        self._reader = ocr.Backend(config.reading)

    def __call__(self, *, image: Image.Image, phrase: str) -> list[Detection]:
        """Every match of `phrase`, best first, or in the order that it asks for; an empty list for none.

        `everything` means whatever can be found: drawn things, else things and faces of a photograph, else shapes.
        Raises `ToolRefusal` for a phrase that asks for something else than faces, text and coloured shapes.
        """
        if phrase.strip().lower() == EVERYTHING:
            pixels, solid = _opaque_rgb(image)
            found = everything(image, pixels, solid, _face_boxes, self.config.shape_likeness)
            return found[: self.config.most]
        query = parse(phrase)
        understood = bool(query.kind) and not query.unknown
        things = None if query.quoted else _drawn_things(image, phrase)
        if things:
            return things[: self.config.most]
        seen = None if query.quoted or query.kind in {"face", "head"} else _photographed(image, phrase, understood)
        if seen:
            return seen[: self.config.most]
        if not understood and (things is not None or seen is not None):
            return []  # what is understood is looked for on: none of its signs or balls may be text or circles as well
        if query.unknown or not query.kind:
            raise ToolRefusal(_refusal(phrase, query))
        finders: dict[str, Callable[[Image.Image, Query], list[Detection]]] = {
            "face": _faces,
            "head": _faces,
            "text": self._text,
        }
        found = finders.get(query.kind, self._shapes)(image, query)
        rank = by_area if query.kind in {"object", "area"} else by_score
        ranked = None if query.kind == "text" and not query.quoted else rank  # lines are read in their order
        return chosen(found, query, image.size, ranked)[: self.config.most]

    def _text(self, image: Image.Image, query: Query) -> list[Detection]:
        lines: Sequence[TextLine] = self._reader(image=image)
        pixels = _opaque_rgb(image)[0] if query.color or query.board else np.zeros((0, 0, 3), np.uint8)
        if query.color:
            colour = color_range(query)
            on = [line.box if not query.board else board_box(pixels, line.box) or line.box for line in lines]
            written = zip(lines, on, strict=True)
            lines = [line for line, box in written if _written_in(pixels, line, colour) or _is_of(pixels, box, colour)]
        if query.quoted:
            found = find_said(lines, query.quoted, query.whole_line, self.config.text_likeness)
        else:
            found = [Detection(line.text, line.box, line.score) for line in lines]
        return _boards(pixels, found) if query.board else found

    def _shapes(self, image: Image.Image, query: Query) -> list[Detection]:
        scale = min(1.0, self.config.max_side / max(image.size))
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        small = image.resize(size, Image.Resampling.BOX) if scale < 1 else image
        across, down = image.width / size[0], image.height / size[1]
        found = self._shapes_in(small, query)
        boxes = [(item.box[0] * across, item.box[1] * down, item.box[2] * across, item.box[3] * down) for item in found]
        return [replace(item, box=box) for item, box in zip(found, boxes, strict=True)]

    def _shapes_in(self, image: Image.Image, query: Query) -> list[Detection]:
        pixels, solid = _opaque_rgb(image)
        label = " ".join(word for word in (query.shade, query.family, query.shape or query.kind) if word)
        if not query.color and not query.shape:
            return self._without_letters(_anything(pixels, solid, label), image)
        colours = [color_range(query)] if query.color else [hsv_range(family) for family in lexicon()["families"]]
        edges = hard_edges(pixels)
        found: list[Detection] = []
        for colour in colours:
            mask = color_mask(pixels, colour) & solid
            for region in regions(mask, ground=query.kind == "area", edges=edges):
                score = self._fit(region, query.shape) if query.shape else region.score
                if not query.shape or score >= self.config.shape_likeness:
                    found.append(Detection(label, region.box, round(min(score, 1.0), 4)))
        found = without_doubles(found)
        if query.kind == "shape":
            return self._without_letters(found, image)
        return without_small_bits(found)

    def _fit(self, region: Region, shape: str) -> float:
        names = [shape, *vocabulary()["shape_also"].get(shape, [])]
        return max(likeness(region.outline, name) for name in names)

    def _without_letters(self, found: list[Detection], image: Image.Image) -> list[Detection]:
        """Without the small things that are letters of a line of text: an O is no circle."""
        small = 0.015 * image.width * image.height
        if not any(_area(item.box) < small for item in found):
            return found
        lines = [line.box for line in self._reader(image=image) if len(line.text) > 1]
        return [item for item in found if _area(item.box) >= small or not any(_holds(line, item.box) for line in lines)]


def _drawn_things(image: Image.Image, phrase: str) -> list[Detection] | None:
    """The things of the drawn world that a phrase means; None where it names none, or the picture is not drawn."""
    from canvasagent.backends.lite.drawn_things import ground_drawn, names_thing
    from canvasagent.sketch.recognise import looks_drawn

    return ground_drawn(image, phrase) if names_thing(phrase) and looks_drawn(image) else None


def _photographed(image: Image.Image, phrase: str, understood: bool) -> list[Detection] | None:
    """What a phrase means in a photograph; None where it names nothing that is known, or the picture is none.

    Raises `ToolRefusal` for words that mean nothing, unless other finders understand them.
    """
    from canvasagent.backends.lite.photographs.finding import find_photographed, names_photographed

    pixels, _ = _opaque_rgb(image)
    if not names_photographed(phrase) or not is_photograph(pixels, LIKELY):
        return None
    try:
        return find_photographed(image.size, pixels, phrase)
    except ToolRefusal:
        if understood:
            return None
        raise


def _refusal(phrase: str, query: Query) -> str:
    what = " and ".join(f"'{word}'" for word in query.unknown) or f"'{phrase}'"
    hint = vocabulary()["refused"]["hint"].get(query.refused, "")
    return (
        f"The lite Grounding cannot look for {what} (asked: '{phrase}'). {hint}It finds {CAN_FIND}{_more()}. "
        "`--profile full` finds whatever can be named."
    )


def _faces(image: Image.Image, query: Query) -> list[Detection]:
    pixels, _ = _opaque_rgb(image)
    if query.color:
        raise ToolRefusal(f"The lite Grounding cannot tell the colour of faces ('{query.color}'). Ask for 'the face'.")
    found = []
    for (left, top, right, bottom), score in _face_boxes(pixels):
        if query.kind == "head":  # a face's box starts at the brow and leaves out hair and ears
            across, up, down = 0.18 * (right - left), 0.33 * (bottom - top), 0.05 * (bottom - top)
            left, right = max(left - across, 0), min(right + across, image.width)
            top, bottom = max(top - up, 0), min(bottom + down, image.height)
        found.append(Detection(query.kind, (left, top, right, bottom), score))
    return found


def _more() -> str:
    """What is found in photographs only, where the networks for it are here."""
    from canvasagent.backends.lite.photographs.finding import CAN_FIND as IN_PHOTOGRAPHS

    return f"; in photographs {IN_PHOTOGRAPHS}" if networks.has(*networks.ALL) else ""


def _face_boxes(pixels: Array) -> list[tuple[PixelBox, float]]:
    """Faces and how sure each is; in photographs made sure of by the points on them, where that network is here."""
    if not networks.has(networks.FACE) or not is_photograph(pixels, LIKELY):
        return find_faces(pixels)
    from canvasagent.backends.lite.photographs.landmarks import sure_faces

    return [(face.box, face.score) for face in sure_faces(pixels)]


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
    whole = (0, 0, pixels.shape[1], pixels.shape[0])
    masks: list[Array | None] = [solid]
    if solid.all():
        if pixels.reshape(-1, 3).std(axis=0).max() < 2:
            return []
        # as it is, or without what JPEG does to flat colours
        masks = [drawn(pixels, whole), drawn(cv2.medianBlur(pixels, 5), whole, tolerance=5)]
    for mask in masks:
        found = [] if mask is None else regions(mask, ground=True)
        if found or not solid.all():
            return [Detection(label, region.box, round(region.score, 4)) for region in found]
    raise ToolRefusal(
        f"The lite Grounding can tell '{label}' only on a plain or transparent ground, which this picture does not "
        f"have. Say its colour or shape: it finds {CAN_FIND}. `--profile full` finds whatever can be named."
    )


def _boards(pixels: Array, found: list[Detection]) -> list[Detection]:
    """The boards that lines of text stand on, each once with all that is on it; text on no board stays as it is."""
    boards: dict[PixelBox, Detection] = {}
    for line in found:
        box = board_box(pixels, line.box) or line.box
        other = boards.get(box)
        label = f"{other.label} {line.label}" if other else line.label
        boards[box] = Detection(label, box, max(line.score, other.score) if other else line.score)
    return list(boards.values())


def _is_of(pixels: Array, box: PixelBox, colour: HsvRange) -> bool:
    """Whether the larger part of a box is of a colour."""
    left, top, right, bottom = (round(edge) for edge in box)
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    return part.size > 0 and float(color_mask(np.ascontiguousarray(part), colour).mean()) > 0.5


def _written_in(pixels: Array, line: TextLine, colour: HsvRange) -> bool:
    """Whether the strokes of a line, the smaller part of its box, are of a colour."""
    left, top, right, bottom = (round(edge) for edge in line.box)
    part = pixels[max(top, 0) : bottom, max(left, 0) : right]
    return part.size > 0 and 0.05 < float(color_mask(np.ascontiguousarray(part), colour).mean()) < 0.6


def _area(box: PixelBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _holds(outer: PixelBox, inner: PixelBox) -> bool:
    """Whether most of `inner` lies in `outer`, which is much wider."""
    across = min(outer[2], inner[2]) - max(outer[0], inner[0])
    down = min(outer[3], inner[3]) - max(outer[1], inner[1])
    return max(across, 0) * max(down, 0) > 0.7 * _area(inner) and _area(outer) > 1.5 * _area(inner)
