"""What a picture holds, found by running the lite Grounding and OCR: faces, drawn things, shapes, areas, lines of text.

A phrase counts only if Grounding, asked for it, gives that very box first (of drawn things, which it tells apart by
what is recognised here, that is so without asking).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random

import cv2
import numpy as np
from PIL import Image

from canvasagent.backends.base import Detection
from canvasagent.backends.lite import grounding, ocr
from canvasagent.craft.drawings.scenes import casts
from canvasagent.craft.drawings.turning import SMALL
from canvasagent.craft.pictures import Contents, Text, Thing
from canvasagent.craft.sources._phrases import Seen, is_called, phrases_for
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox, Size, box_to_grid, overlap
from canvasagent.sketch.recognise import Thing as Recognised
from canvasagent.sketch.recognise import looks_drawn, recognise

VERSION = 1
"""Changes when other contents may be found in the same picture."""
SHAPES = ("circle", "square", "rectangle", "triangle", "star")
SURE_SHAPE, SURE_WORDS = 0.92, 0.85
MOST_THINGS, MOST_TEXTS = 12, 20
AREAS = 2
"""Coloured areas that are named where there are few other things."""
BLURRED = 18.0
"""Variance of the Laplacian (of a copy of at most 512 pixels) below which a photograph counts as blurred."""


@cache
def _finder() -> grounding.Backend:
    return grounding.Backend(grounding.Config())


@cache
def _reader() -> ocr.Backend:
    return ocr.Backend(ocr.Config())


def contents_by_tools(picture: Image.Image) -> Contents:
    """What a picture holds. Takes a second or so."""
    recognised = recognise(picture.convert("RGB"))
    drawn = bool(recognised.things)
    things = (
        list(_drawn(recognised.things, picture.size))
        if drawn
        else [*_faces(picture), *(_shapes(picture) if looks_drawn(picture) else ())]
    )
    if not drawn and len(things) < 2:
        things += list(_areas(picture))[:AREAS]
    lines = [line for line in _reader()(image=picture) if line.score >= SURE_WORDS and len(line.text) > 1]
    return Contents(
        things=tuple(things[:MOST_THINGS]),
        texts=tuple(Text(words=line.text, box=_grid(line.box, picture.size)) for line in lines[:MOST_TEXTS]),
        drawn=drawn,
        small=max(picture.size) <= SMALL,
        blurred=not drawn and not lines and _sharpness(picture) < BLURRED,
        known_by="tools",
    )


def _drawn(found: list[Recognised], size: Size) -> Iterator[Thing]:
    usual = casts()["usual"]
    seen = [Seen(item.name, _color(item.color, usual.get(item.name)), False, item.color, item.box) for item in found]
    for thing, phrase in zip(seen, phrases_for(seen, size[0], False, Random("names")), strict=True):
        count = sum(other.name == thing.name for other in seen)
        if phrase is not None:
            yield Thing(name=thing.name, phrase=phrase, box=_grid(thing.box, size), color=thing.color, count=count)


def _color(main: str, usual: str | None) -> str | None:
    """The one colour word that fits a main colour, if just one does."""
    fitting = [name for name in lexicon()["families"] if is_called(main, name)]
    return usual if usual in fitting else fitting[0] if len(fitting) == 1 else None


def _faces(picture: Image.Image) -> Iterator[Thing]:
    found = _asked(picture, "all faces")
    if len(found) == 1:
        phrases = ["face"]
    else:
        order = sorted(found, key=lambda item: item.box[0])
        phrases = [("leftmost face", "rightmost face")[item is order[-1]] for item in (order[:1] + order[-1:])]
        found = order[:1] + order[-1:]
    for item, phrase in zip(found, phrases, strict=False):
        if named := _proved(picture, "face", phrase, item.box, None, len(found)):
            yield named


def _shapes(picture: Image.Image) -> Iterator[Thing]:
    whole = picture.width * picture.height
    taken: list[PixelBox] = []
    for shape in SHAPES:
        found = [item for item in _asked(picture, f"all {shape}s") if item.score >= SURE_SHAPE]
        colors = [_box_color(picture, item.box) for item in found]
        counts = Counter(colors)
        for item, color in zip(found, colors, strict=True):
            large = _area(item.box) > 0.01 * whole and all(overlap(item.box, other) < 0.6 for other in taken)
            phrase = shape if len(found) == 1 else f"{color} {shape}" if color and counts[color] == 1 else None
            if large and phrase and (named := _proved(picture, shape, phrase, item.box, color, len(found))):
                taken.append(item.box)
                yield named


def _areas(picture: Image.Image) -> Iterator[Thing]:
    """The largest areas of a colour: what can be named in a photograph without faces."""
    whole = picture.width * picture.height
    found = []
    for color in ("red", "blue", "yellow", "green", "orange", "purple", "pink"):
        phrase = f"largest {color} area"
        for item in _asked(picture, phrase)[:1]:
            if 0.02 < _area(item.box) / whole < 0.5:
                found.append((-_area(item.box), color, phrase, item.box))
    for _, color, phrase, box in sorted(found):
        if named := _proved(picture, "area", phrase, box, color, 1):
            yield named


def _proved(picture: Image.Image, name: str, phrase: str, box: PixelBox, color: str | None, count: int) -> Thing | None:
    """The thing, if Grounding finds it by its phrase."""
    found = _asked(picture, phrase)
    if not found or overlap(found[0].box, box) < 0.8:
        return None
    return Thing(name=name, phrase=phrase, box=_grid(box, picture.size), color=color, count=max(count, 1))


def _asked(picture: Image.Image, phrase: str) -> list[Detection]:
    try:
        return _finder()(image=picture, phrase=phrase)
    except ToolRefusal:
        return []


def _box_color(picture: Image.Image, box: PixelBox) -> str | None:
    """The colour word for the middle of a box."""
    left, top, right, bottom = box
    part = picture.convert("RGB").crop(
        (round(left * 0.7 + right * 0.3), round(top * 0.7 + bottom * 0.3),
         round(left * 0.3 + right * 0.7) + 1, round(top * 0.3 + bottom * 0.7) + 1)
    )  # fmt: skip
    red, green, blue = np.median(np.asarray(part).reshape(-1, 3), axis=0).astype(int)
    return _color(f"#{red:02x}{green:02x}{blue:02x}", None)


def _sharpness(picture: Image.Image) -> float:
    grey = picture.convert("L")
    grey.thumbnail((512, 512), Image.Resampling.BOX)
    return float(cv2.Laplacian(np.asarray(grey, np.float32), cv2.CV_32F).var())


def _area(box: PixelBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _grid(box: PixelBox, size: Size) -> tuple[int, int, int, int]:
    left, top, right, bottom = box_to_grid(box, size)
    return left, top, right, bottom
