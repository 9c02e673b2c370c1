"""Pictures joined into one: side by side, one above the other, or as a collage.

Nothing is cut off: pictures are scaled to a common height or width, that of the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image

from canvasagent.backends.lite.edits import COLOR, LENGTH, bounded, in_pixels, rgba_of
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import profile_of, to_profile, with_profile

_PICTURES = r"(?:pictures?|images?|photos?|photographs?|drawings?|ones?)"
_ALL = (
    rf"(?:it|them(?: all)?|these|those|both|all(?: of them)?|everything|"
    rf"(?:both|all|these|those|my|the|the (?:two|three|four)|all (?:the|these|my)|"
    rf"(?:these |all )?(?:two|three|four))(?: of the)? {_PICTURES}"
    rf"|(?:the |this |it |this {_PICTURES} )?(?:first )?(?:{_PICTURES} )?and the (?:second|other)(?: {_PICTURES})?)"
)
_ONE = rf"(?:(?:the )?(?:second|2nd|other|reference) {_PICTURES}|the (?:second|other)|the reference)"
_FIRST = rf"(?:it|this|(?:the )?(?:first|original)(?: {_PICTURES})?|(?:this|the|my) {_PICTURES})"
_PUT = (
    r"(?:put|place|show|arrange|set|lay|lay out|join|combine|merge|stitch|display|line up|paste|compose|concatenate|"
    r"align|present|add|attach|append|glue)"
)
_BESIDE = (
    r"(?:(?:together )?side[- ]by[- ]side|(?:next to|beside|alongside) (?:each other|one another)|"
    r"in (?:a|one) (?:single )?row|(?:together )?horizontally)"
)
_ABOVE = (
    r"(?:(?:one )?(?:above|below|under|underneath|on top of|over) (?:the other|another|each other|one another)"
    r"|one (?:above|below|under|on top of) the other|in (?:a|one) (?:single )?column|(?:together )?vertically)"
)
_COLLAGE = r"(?:an? )?(?:2 ?x ?2 )?(?:photo |picture )?(?:collage|grid|mosaic|contact sheet)"
_MADE = r"(?:make|create|build|turn|combine|put|arrange|merge|compose|lay out)"
_GAP = (
    rf"(?P<gap>,? with (?:an? )?(?:(?P<width>{LENGTH}|thin|narrow|small|wide|thick|large) )?(?:(?P<color>{COLOR}) )?"
    rf"(?:gaps?|space|spacing|margins?|borders?|lines?|distance|separators?)(?: of (?P<width2>{LENGTH}))?"
    r"(?: (?:in )?between(?: (?:them|the pictures|both))?)?)?"
)
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("row", rf"(?:{_PUT} (?:{_ALL} )?)?{_BESIDE}"),
    ("row", rf"{_PUT} {_ONE} (?:next to|beside|alongside|(?:to|on) the right(?: (?:side )?of)?) {_FIRST}"),
    ("row", rf"{_PUT} {_ONE} (?:to|on) (?:the|its) right(?: side)?"),
    ("row", rf"{_PUT} {_FIRST} (?:to|on) the left (?:side )?of {_ONE}"),
    ("row reversed", rf"{_PUT} {_ONE} (?:to|on) the left (?:side )?of {_FIRST}"),
    ("row reversed", rf"{_PUT} {_ONE} (?:to|on) (?:the|its) left(?: side)?"),
    ("row reversed", rf"{_PUT} {_FIRST} (?:to|on) the right (?:side )?of {_ONE}"),
    ("column", rf"(?:{_PUT} (?:{_ALL} )?)?{_ABOVE}"),
    ("column", rf"stack (?:{_ALL} ?)?(?:{_ABOVE}|vertically)?"),
    ("row", rf"stack (?:{_ALL} )?horizontally"),
    ("column", rf"{_PUT} {_ONE} (?:below|under|underneath|beneath) {_FIRST}"),
    ("column reversed", rf"{_PUT} {_ONE} (?:above|over) {_FIRST}"),
    ("collage", rf"(?:{_MADE} )?(?:{_ALL} )?(?:(?:into|as|in) )?{_COLLAGE}(?: (?:of|from|with|out of) {_ALL})?"),
    ("row", r"(?:make |create |show )?(?:a )?before[- ]and[- ]after(?: (?:picture|image|comparison))?"),
)
_COMPILED = tuple((how, re.compile(rf"{pattern}{_GAP}", re.IGNORECASE)) for how, pattern in _PATTERNS)
_POLITE = re.compile(r"^(?:please|(?:can|could) you|now)\s+|,?\s*(?:please|in one (?:picture|image))$", re.IGNORECASE)
_GAPS = {"thin": "1 %", "narrow": "1 %", "small": "1 %", "wide": "6 %", "thick": "6 %", "large": "6 %"}
_COUNTS = {"both": 2, "two": 2, "three": 3, "four": 4}
_USUAL_GAP = "2 %"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How pictures are to be joined."""

    how: str
    """row, column or collage."""
    reversed: bool
    gap: str
    """The gap between two pictures as a length in words; empty: none."""
    color: str
    """Of the gap."""
    clause: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where joined pictures lie: the size of the whole, a box (left, top, width, height) for each, in pixels."""

    size: Size
    boxes: tuple[tuple[int, int, int, int], ...]


def arrangement_of(prompt: str, others: int) -> Arrangement | None:
    """What a prompt with `others` further pictures asks for, or None if it is not that they be joined.

    Raises `ToolRefusal` where it speaks of another number of pictures.
    """
    clause = " ".join(prompt.split()).strip(" .!")
    while (shorter := _POLITE.sub("", clause).strip()) != clause:
        clause = shorter
    for how, pattern in _COMPILED:
        match = pattern.fullmatch(clause)
        if match is None or ("reversed" in how and others != 1):
            continue
        counted = next((count for word, count in _COUNTS.items() if re.search(rf"\b{word}\b", clause, re.I)), None)
        if counted is not None and counted != 1 + others:
            raise ToolRefusal(f"'{clause}' speaks of {counted} pictures, but {1 + others} were given.")
        groups = match.groupdict()
        words = (groups["width"] or groups["width2"] or "").lower()
        gap = (_GAPS.get(words) or words or _USUAL_GAP) if groups["gap"] else ""
        return Arrangement(how.split()[0], "reversed" in how, gap, groups["color"] or "white", clause)
    return None


def laid_out(arrangement: Arrangement, sizes: Sequence[Size]) -> Layout:
    """The places of pictures of those sizes. Raises `ToolRefusal` where the whole would be too large."""
    first = sizes[0]
    gap = in_pixels(arrangement.gap, first) if arrangement.gap else 0
    order = list(reversed(sizes)) if arrangement.reversed else list(sizes)
    if arrangement.how == "row":
        scaled = [(max(1, round(width * first[1] / height)), first[1]) for width, height in order]
        rows = [scaled]
    elif arrangement.how == "column":
        rows = [[(first[0], max(1, round(height * first[0] / width)))] for width, height in order]
    else:
        rows = [_justified(row, first[0], gap) for row in _rows(order)]
    return _stacked(rows, gap, arrangement.clause)


def _rows(sizes: list[Size]) -> list[list[Size]]:
    """Two pictures in a row; of three the first has a row of its own."""
    if len(sizes) <= 2:
        return [sizes]
    lead = len(sizes) % 2
    return [*([sizes[:lead]] if lead else []), *(sizes[start : start + 2] for start in range(lead, len(sizes), 2))]


def _justified(row: list[Size], width: int, gap: int) -> list[Size]:
    """The pictures of a row at one height, together with their gaps as wide as `width`."""
    room = max(len(row), width - gap * (len(row) - 1))
    shares = [size[0] / size[1] for size in row]
    height = max(1, round(room / sum(shares)))
    edges = [round(room * sum(shares[:count]) / sum(shares)) for count in range(len(row) + 1)]
    return [(max(1, right - left), height) for left, right in pairwise(edges)]


def _stacked(rows: list[list[Size]], gap: int, clause: str) -> Layout:
    boxes: list[tuple[int, int, int, int]] = []
    top = width = 0
    for row in rows:
        left = 0
        for size in row:
            boxes.append((left, top, *size))
            left += size[0] + gap
        width = max(width, left - gap)
        top += row[0][1] + gap
    return Layout(bounded((width, top - gap), clause), tuple(boxes))


def joined(arrangement: Arrangement, pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures in one, in the color profile of the first; RGBA if one of them is transparent or the gap is."""
    layout = laid_out(arrangement, [picture.size for picture in pictures])
    profile = profile_of(pictures[0])
    gap = rgba_of(arrangement.color)
    clear = any("A" in picture.getbands() for picture in pictures) or (gap[3] == 0 and bool(arrangement.gap))
    sheet = Image.new("RGBA", layout.size, gap)
    order = list(reversed(pictures)) if arrangement.reversed else list(pictures)
    for picture, (left, top, width, height) in zip(order, layout.boxes, strict=True):
        own = to_profile(picture, profile).convert("RGBA")
        if own.size != (width, height):
            own = own.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        sheet.paste(own, (left, top))
    return with_profile(sheet if clear else sheet.convert("RGB"), profile)
