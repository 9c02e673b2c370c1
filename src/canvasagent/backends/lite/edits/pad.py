"""Room around the picture, its own pixels unchanged: to a shape, to a size, or by a length on some sides."""

from __future__ import annotations

import re
from collections.abc import Mapping

from canvasagent.backends.lite.edits._sizes import (
    COLOR,
    LENGTH,
    PICTURE,
    PIXELS,
    bounded,
    clause_of,
    colors_in,
    in_pixels,
    number_in,
    on_sheet,
    rgba_of,
)
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import Size

Margins = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

SIDES = ("left", "top", "right", "bottom")
_USUAL = "5 %"
"""How much is added on a side where no length is named."""
_USUAL_BARS = "12 %"

_ROOM = (
    r"(?:(?:empty |blank |free |extra |some )*(?:bars?|padding|space|room|margins?|area|strips?|bands?|stripes?|"
    r"background|canvas|fill|pixels|borders?|colou?r))"
)
_FILL = rf"(?: ?,? ?(?:with|using|in|by adding|adding|on|filled with|of) (?:an? )?(?P<fill>{COLOR})?(?: ?{_ROOM})?)?"
_RATIO = (
    r"(?:an? )?(?P<ratio>square|(?:\d{1,2}(?:\.\d{1,2})? ?[:/] ?\d{1,2}(?:\.\d{1,2})?)|\d{1,2}x\d{1,2})"
    r"(?: (?:aspect ratio|aspect|ratio|format|shape|picture|image|canvas|frame|square))?"
)
_SIDE = (
    r"(?:all (?:four |the )?sides|all four sides|each side|every side|all (?:the )?edges|both sides|(?:the )?sides|"
    r"(?:the )?top and (?:the )?bottom|(?:the )?bottom and (?:the )?top|(?:the )?left and (?:the )?right(?: sides?)?|"
    r"(?:the )?(?:left|right|top|bottom)(?:[- ]hand)?(?: (?:side|edge))?|above|below|above and below|around)"
)
_AT = rf"(?: ?(?:(?:on|at|to|along|around|from) )?(?P<sides>{_SIDE})(?: (?:of )?{PICTURE})?)"
_PAD = r"(?:pad|extend|expand|letterbox|pillarbox|widen)"
_CANVAS = rf"(?:the |its )?canvas(?: of {PICTURE})?"


def margins(before: Size, values: Mapping[str, str]) -> Margins:
    """What is added on each side. Raises `ToolRefusal` where nothing is, or where the size asked for is smaller."""
    if values.get("ratio"):
        return _to_ratio(before, values)
    if values.get("w"):
        goal = round(number_in(values["w"])), round(number_in(values["h"]))
        if goal[0] < before[0] or goal[1] < before[1]:
            raise ToolRefusal(
                f"'{clause_of(values)}': the picture is {before[0]} × {before[1]} pixels, and padding only adds to it; "
                "resize it first ('resize it to fit within …'), or use the tool Crop."
            )
        return _centred(before, goal, values)
    bars = values.get("bars", "")
    length = in_pixels(values.get("length") or (_USUAL_BARS if bars else _USUAL), before)
    sides = _sides(values.get("sides") or ("" if not bars else "sides" if "pillar" in bars.lower() else "top, bottom"))
    left, top, right, bottom = (length if side in sides else 0 for side in SIDES)
    return left, top, right, bottom


def _to_ratio(before: Size, values: Mapping[str, str]) -> Margins:
    words = values["ratio"].lower()
    parts = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", words)] or [1.0, 1.0]
    if min(parts) <= 0:
        raise ToolRefusal(f"'{clause_of(values)}': a ratio has two numbers above 0, such as 16:9.")
    ratio = parts[0] / parts[1]
    goal = bounded((max(before[0], before[1] * ratio), max(before[1], before[0] / ratio)), clause_of(values))
    added = _centred(before, goal, values)
    used = {side for side, length in zip(SIDES, added, strict=True) if length}
    if values.get("sides") and not used <= _sides(values["sides"]):
        raise ToolRefusal(
            f"'{clause_of(values)}': for that shape a picture of {before[0]} × {before[1]} pixels needs room at "
            f"{' and '.join(side for side in SIDES if side in used)}; leave out where it goes."
        )
    return added


def _centred(before: Size, goal: Size, values: Mapping[str, str]) -> Margins:
    across, down = goal[0] - before[0], goal[1] - before[1]
    if across == down == 0:
        raise ToolRefusal(f"'{clause_of(values)}': the picture has that shape already ({before[0]} × {before[1]}).")
    return across // 2, down // 2, across - across // 2, down - down // 2


def _sides(words: str) -> set[str]:
    lowered = words.lower().replace("above", "top").replace("below", "bottom")
    named = {side for side in SIDES if side in lowered}
    if named:
        return named
    return {"left", "right"} if re.fullmatch(r"both sides|(?:the )?sides", lowered) else set(SIDES)


def size(before: Size, values: Mapping[str, str]) -> Size:
    """The picture's size and the margins."""
    left, top, right, bottom = margins(before, values)
    return bounded((before[0] + left + right, before[1] + top + bottom), clause_of(values))


def apply(pixels: Pixels, job: Job) -> Pixels:
    """In the color that is named; bars are black, anything else white, and transparent where the picture is."""
    old = pixels.shape[1], pixels.shape[0]
    left, top, _, _ = margins(old, job.values)
    words = f"{job.values.get('fill', '')} {job.values.get('before', '')}".strip()
    named = colors_in(words)
    usual = "transparent" if int(pixels[..., 3].min()) == 0 else "black" if job.values.get("bars") else "white"
    return on_sheet(pixels, size(old, job.values), (left, top), rgba_of(named[0] if named else usual))


def _makes_sense(values: Mapping[str, str]) -> bool:
    return not (values.get("fill") and values.get("before"))


_MORE_WORD = r"(?:some|more|extra|additional|blank|empty|free)"
_MORE = rf"(?:{_MORE_WORD} )*"
_ADD = "(?:(?:{add}|leave) )?"
_TO_BE = (
    rf"(?:(?: so that it (?:is|becomes|gets)| to (?:make|get|turn|reach|become)(?: {PICTURE})?(?: into)?| to) {_RATIO})"
)
EDIT = Edit(
    summary="padding to a shape or a size, or room on any side",
    words=(
        Words(
            patterns=(
                rf"{_PAD}(?: {{where}})?(?: out)? (?:to|into|to be|to make it|until it is) {_RATIO}{_FILL}",
                rf"{_PAD}(?: {{where}})? (?:to|into) (?:a size of )?(?P<w>\d{{2,5}})(?:{PIXELS})? ?(?:x|×|by) ?"
                rf"(?P<h>\d{{2,5}})(?:{PIXELS})?{_FILL}",
                rf"{{make}} {{where}}(?: into)? {_RATIO},? (?:by|with|using) (?:adding |using )?(?:an? )?"
                rf"(?P<fill>{COLOR})? ?{_ROOM}",
                rf"{{make}} {{where}}(?: into)? {_RATIO},? without (?:cropping|cutting)"
                rf"(?: (?:it|anything|anything off))?{_FILL}",
                rf"(?P<bars>(?:letterbox|pillarbox)(?: {{where}})?)(?: (?:to|for|in) {_RATIO})?{_FILL}",
                rf"{_ADD}(?P<bars>(?P<before>{COLOR} )?(?:letterbox |cinema(?:tic)? )?bars)"
                rf"(?: (?:at|on|to) (?P<sides>{_SIDE}))?{_TO_BE}?",
                rf"(?:pad|extend|expand|enlarge|grow|widen)(?: {_CANVAS})? (?:by|with) (?P<length>{LENGTH})"
                rf"(?: of (?P<before>{COLOR}))?(?: {_ROOM})?{_AT}?{_FILL}",
                rf"(?:extend|expand|enlarge|grow|widen) (?:{_CANVAS}|{{where}}) (?:to|on|at) (?P<sides>{_SIDE}) by "
                rf"(?P<length>{LENGTH}){_FILL}",
                rf"(?:pad|extend|expand|widen) {{where}} (?:by|with) (?P<length>{LENGTH})(?: of (?P<before>{COLOR}))?"
                rf"(?: {_ROOM})?{_AT}?{_FILL}",
                rf"{_ADD}(?:an? )?(?P<length>{LENGTH}) (?:of )?(?P<before>{COLOR} )?{_ROOM}{_AT}{_FILL}",
                rf"{_ADD}(?P<length>{LENGTH}) of (?P<before>{COLOR}){_AT}",
                rf"(?:{{add}}|leave) (?:an? )?{_MORE}(?P<before>{COLOR} )?(?:padding|margins?)"
                rf"(?: of (?P<length>{LENGTH}))?{_AT}?{_FILL}",
                rf"(?:{{add}}|leave) (?:{_MORE_WORD} )+(?P<before>{COLOR} )?(?:space|room){_AT}{_FILL}",
                rf"(?:{{add}}|leave) (?:an? )?(?P<before>{COLOR} )(?:space|room){_AT}{_FILL}",
                rf"pad {{where}}{_FILL}",
            ),
        ),
    ),
    examples=(
        "pad the picture to 16:9",
        "pad it to a square with black",
        "letterbox it",
        "make it square with white padding",
        "add 50 pixels of white space at the bottom",
        "extend the canvas by 100 pixels on the right with blue",
    ),
    apply=apply,
    places=("whole",),
    blends=False,
    check=_makes_sense,
    size=size,
)
