"""A border or frame around the picture, in any color and width."""

from __future__ import annotations

import re
from collections.abc import Mapping

from canvasagent.backends.lite.edits._sizes import (
    COLOR,
    LENGTH,
    WITHOUT_GROWING,
    bounded,
    clause_of,
    colors_in,
    in_pixels,
    lengths_in,
    on_sheet,
    rgba_of,
)
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words
from canvasagent.imaging.geometry import Size

_GRADES: dict[str, float] = {
    r"very thin|hairline|tiny": 0.5,
    r"thin|narrow|fine|slim|small|slender": 1.2,
    r"very (?:thick|wide)|huge": 10.0,
    r"thick|wide|broad|heavy|big|large|bold|fat": 6.0,
}
"""Widths in words, in hundredths of the shorter side."""
_USUAL = 3.0

_GRADE = "|".join(_GRADES)
_DETAIL = (
    rf"(?:{LENGTH}(?:[- ](?:wide|thick))?|{_GRADE}|{COLOR}|solid|plain|simple|of|in|wide|thick|"
    r"with a (?:width|thickness) of|with)"
)
_BEFORE, _AFTER = rf"(?P<before>(?:{_DETAIL},? )*)", rf"(?P<after>(?:,? {_DETAIL})*)"
_INSIDE = (
    rf"(?P<inside> (?:on the )?inside(?: (?:it|of it|(?:of )?the (?:picture|image|photo)))?|{WITHOUT_GROWING} "
    r"(?:the |its )?(?:canvas|size|picture|image|photo|dimensions)(?: size)?)?"
)
_NOUN = r"(?P<what>border|frame)s?"
_AROUND = (
    r"(?: (?:all (?:a?round|over)|on (?:all|every)(?: four)? sides?|"
    r"(?:around|to|on|round|for|along) (?:all (?:the )?(?:edges|sides) of |the edges? of )?{where}))?"
)
_DETAILED = rf"(?P<before>(?:{_DETAIL},? )+){_NOUN}{_AFTER}"
_ALL = rf"{_BEFORE}{_NOUN}{_AFTER}"


def width_of(values: Mapping[str, str], size: Size) -> int:
    """The width of the border in pixels, for a picture of `size`."""
    words = _details(values)
    if lengths := lengths_in(words):
        return in_pixels(lengths[0], size)
    share = next((share for grade, share in _GRADES.items() if re.search(rf"\b(?:{grade})\b", words, re.I)), _USUAL)
    return max(1, round(share * min(size) / 100))


def size(before: Size, values: Mapping[str, str]) -> Size:
    """The picture with the border on all sides; one that lies inside leaves the size."""
    if values.get("inside"):
        return before
    width = width_of(values, before)
    return bounded((before[0] + 2 * width, before[1] + 2 * width), clause_of(values))


def apply(pixels: Pixels, job: Job) -> Pixels:
    """White where no color is named; a frame is black."""
    named = colors_in(_details(job.values))
    usual = "black" if job.values.get("what", "").lower() == "frame" else "white"
    color = rgba_of(named[0] if named else usual)
    old = pixels.shape[1], pixels.shape[0]
    width = width_of(job.values, old)
    if not job.values.get("inside"):
        return on_sheet(pixels, size(old, job.values), (width, width), color)
    width = min(width, (min(old) - 1) // 2)
    framed = pixels.copy()
    framed[:width], framed[old[1] - width :] = color, color
    framed[:, :width], framed[:, old[0] - width :] = color, color
    return framed


def _details(values: Mapping[str, str]) -> str:
    return f"{values.get('before', '')} {values.get('after', '')}"


def _makes_sense(values: Mapping[str, str]) -> bool:
    """One width and one color at most, each said once."""
    words = _details(values)
    return len(lengths_in(words)) <= 1 and len(colors_in(words)) <= 1


EDIT = Edit(
    summary="a border or frame of any color and width around the picture",
    words=(
        Words(
            patterns=(
                "(?:{add}|draw) (?:an? |the |some )?" + _ALL + _AROUND + _INSIDE,
                # Without a verb only what says how the border looks: "the frame" may be any part of the picture.
                "(?:an? )?" + _DETAILED + _AROUND + _INSIDE,
                "put {where} in(?:to)? (?:an? )?" + _ALL,
                "{give} {where} {a}" + _ALL + _INSIDE,
                "(?:frame|border|surround|enclose) {where} (?:in|with|by) {a}" + _ALL + _INSIDE,
                "(?P<what>frame|border) {where}(?: (?:in|with)(?P<after>(?: " + _DETAIL + ")+))?" + _INSIDE,
                "{make} {where} have {a}" + _ALL + _INSIDE,
            ),
        ),
    ),
    examples=(
        "add a 20 pixel white border",
        "put a thin red frame around it",
        "give the picture a black border of 5 %",
        "frame it in gold",
        "add a white border, 30 px wide",
    ),
    apply=apply,
    places=("whole",),
    blends=False,
    check=_makes_sense,
    size=size,
)
