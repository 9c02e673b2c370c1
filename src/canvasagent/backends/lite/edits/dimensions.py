"""The whole picture at another size: in pixels, by a factor, or by one side."""

from __future__ import annotations

import re
from collections.abc import Mapping

from canvasagent.backends.lite.edits._sizes import NUMBER, PICTURE, PIXELS, bounded, clause_of, number_in, resampled
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words
from canvasagent.imaging.geometry import Size

_RESIZE = (
    r"(?:resize|re-?scale|scale|downscale|upscale|downsize|size|resample|shrink|reduce|enlarge|bring|set|make|change|"
    r"convert|stretch|squeeze|squash|get|blow up)"
)
_PIC = r"(?: (?!(?:to|by|at|in|into|for|so|that|such) ){where})?"
_OF_IT = r"(?: of {where})?"
_WIDE, _HIGH = r"(?:wide|in width|across)", r"(?:high|tall|in height)"
_FOLLOW = r"(?:,? ?(?:but |and |while )?(?:by )?"
_RATIO = r"(?:the |its )?(?:original |same )?(?:aspect(?: ratio)?|ratio|proportions?)"
_KEEPING = r"(?:keep(?:ing)?|preserv(?:e|ing)|maintain(?:ing)?|without (?:changing|altering|distorting|losing))"
_PROPORTIONAL = rf"(?P<fit>{_FOLLOW}{_KEEPING} {_RATIO}|,? proportional(?:ly)?))?"
_OTHER_SIDE = (
    rf"(?P<free>{_FOLLOW}(?:{_KEEPING}|leav(?:e|ing)) (?:the |its )?(?:same |original )?(?:height|width)"
    r"(?: (?:the same|as it is|as is|unchanged|alone|constant))?))?"
)
_DOWN = r"(?: (?:down|up|it))?"
_FACTORS: dict[str, float] = {
    r"half|halve": 1 / 2,
    r"(?:a|one) third": 1 / 3,
    r"(?:a|one) (?:quarter|fourth)": 1 / 4,
    r"two thirds": 2 / 3,
    r"three quarters": 3 / 4,
    r"twice|double|two times": 2.0,
    r"three times|thrice|triple": 3.0,
    r"four times|quadruple": 4.0,
}
_FACTOR = rf"(?:{'|'.join(_FACTORS)}|{NUMBER} ?(?:x|times|%|percent|per cent))"
_DECIMAL = rf"(?:{NUMBER}|\.\d{{1,3}})"
_PART = rf"(?:half|(?:a|one) third|(?:a|one) quarter|{NUMBER} ?(?:%|percent|per cent))"
_SIZE = r"(?:the |its )?(?:original |current )?(?:size|dimensions|resolution)"
_SMALLER = rf"(?:shrink|reduce|scale down|downscale|downsize)(?: {_SIZE}(?: of {PICTURE})?| {{where}})?"
_LARGER = rf"(?:enlarge|increase|scale up|upscale)(?: {_SIZE}(?: of {PICTURE})?| {{where}})?"
_TO = r"(?: size| dimensions| resolution)?(?: (?:to|at|into|for))?(?: (?:be )?(?:exactly|precisely))?"
_PAIR = rf"(?P<w>{NUMBER})(?:{PIXELS})?(?: {_WIDE})? ?(?:x|×|\*|by|and) ?(?P<h>{NUMBER})(?:{PIXELS})?(?: {_HIGH})?"


def size(before: Size, values: Mapping[str, str]) -> Size:
    """Both sides as asked for; where one is given, the other in proportion, unless it is to stay."""
    width, height = before
    if values.get("w") and values.get("h"):
        goal = number_in(values["w"]), number_in(values["h"])
        if values.get("fit"):
            share = min(goal[0] / width, goal[1] / height)
            goal = max(1.0, width * share), max(1.0, height * share)
        return bounded(goal, clause_of(values))
    share = _share(before, values)
    if share <= 0:
        return bounded((0, 0), clause_of(values))
    goal = max(width * share, 1.0), max(height * share, 1.0)
    changed = _only(values)
    return bounded((width if changed == "height" else goal[0], height if changed == "width" else goal[1]),
                   clause_of(values))  # fmt: skip


def _only(values: Mapping[str, str]) -> str:
    """The side that alone is changed; empty where both are."""
    if kept := values.get("free"):
        return "width" if "height" in kept.lower() else "height"
    return "" if values.get("fit") else values.get("axis", "").lower()


def _share(before: Size, values: Mapping[str, str]) -> float:
    """What a side is multiplied by."""
    if side := values.get("side"):
        length = {"width": before[0], "height": before[1], "long": max(before), "short": min(before)}[_side(side)]
        return number_in(values["length"]) / length
    if less := values.get("less"):
        return 1 - _factor(less)
    if more := values.get("more"):
        return 1 + _factor(more)
    if divisor := values.get("divisor"):
        return 1 / max(number_in(divisor), 1e-9)
    return _factor(values.get("factor") or values.get("verb", ""))


def _side(words: str) -> str:
    lowered = words.lower()
    if re.search(r"long|larg|big|great", lowered):
        return "long"
    if re.search(r"short|small", lowered):
        return "short"
    return "width" if re.search(r"wid|across", lowered) else "height"


def _factor(words: str) -> float:
    for pattern, factor in _FACTORS.items():
        if re.fullmatch(pattern, words.strip(), re.IGNORECASE):
            return factor
    return number_in(f"0{words}" if words.startswith(".") else words) / (
        100 if "%" in words or "cent" in words.lower() else 1
    )


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Resampled to the new size."""
    return resampled(pixels, size((pixels.shape[1], pixels.shape[0]), job.values))


EDIT = Edit(
    summary="another size in pixels or by a factor",
    words=(
        Words(
            patterns=(
                rf"{_RESIZE}{_PIC}{_TO} (?:a (?:size|resolution) of )?{_PAIR}(?: in size)?{_PROPORTIONAL}",
                rf"{_RESIZE}{_PIC}{_TO}(?: to)? (?P<fit>(?:fit )?(?:in|within|inside)|fit into)(?: a box of)? {_PAIR}",
                rf"(?:resize|change|set) {_SIZE}{_OF_IT} to {_PAIR}{_PROPORTIONAL}",
                rf"{_RESIZE}{_PIC}{_TO} (?P<length>{NUMBER})(?:{PIXELS})?[ -](?P<side>{_WIDE}|{_HIGH})"
                rf"{_OTHER_SIDE}{_PROPORTIONAL}",
                rf"{_RESIZE}{_PIC}{_TO} (?:have )?a (?P<side>width|height) of (?P<length>{NUMBER})(?:{PIXELS})?"
                rf"{_OTHER_SIDE}{_PROPORTIONAL}",
                rf"(?:set|change|reduce|increase|bring|make) (?:the |its )?(?P<side>width|height){_OF_IT}"
                rf"(?: to| down to)?(?: be)? (?P<length>{NUMBER})(?:{PIXELS})?{_OTHER_SIDE}{_PROPORTIONAL}",
                rf"{_RESIZE}{_PIC} (?:so that|until|such that) (?:the |its )?"
                rf"(?P<side>(?:(?:long|larg|bigg|short|small|great)(?:er|est) (?:side|edge|dimension))|width|height)"
                rf" (?:is|has|measures) (?P<length>{NUMBER})(?:{PIXELS})?{_PROPORTIONAL}",
                rf"{_RESIZE}{_PIC}{_TO} (?P<length>{NUMBER})(?:{PIXELS})? (?:on|along|for|at) (?:the |its )?"
                rf"(?P<side>(?:(?:long|larg|bigg|short|small|great)(?:er|est) (?:side|edge|dimension)))",
                rf"(?:make|set|limit) (?:the |its )?(?P<side>(?:long|larg|bigg|short|small|great)(?:er|est) "
                rf"(?:side|edge|dimension)){_OF_IT}(?: to)? (?P<length>{NUMBER})(?:{PIXELS})?",
                rf"{_RESIZE}{_PIC}{_DOWN} to (?P<factor>{_FACTOR})(?: (?:of )?{_SIZE})?",
                rf"(?:re-?size|re-?scale|scale|size){_PIC} by (?:a factor of )?(?P<factor>{_FACTOR}|{_DECIMAL})",
                rf"{_RESIZE} {{where}} (?P<factor>{_FACTOR}) (?:of )?{_SIZE}",
                rf"(?:make|scale|get) {{where}} (?P<factor>{_FACTOR}) as (?:big|large|small|wide|high|tall)"
                rf"{_OTHER_SIDE}{_PROPORTIONAL}",
                rf"(?P<verb>halve|double|triple|quadruple) (?:the |its )?(?:size|dimensions|resolution){_OF_IT}",
                rf"(?P<verb>halve|double|triple) (?:the |its )?(?P<axis>width|height){_OF_IT}{_OTHER_SIDE}",
                rf"{_SMALLER} by (?P<less>{_PART})",
                rf"{_SMALLER} by a factor of (?P<divisor>{_DECIMAL})",
                rf"scale {{where}} down by (?P<less>{_PART})",
                rf"scale {{where}} down by a factor of (?P<divisor>{_DECIMAL})",
                rf"scale {{where}} up by (?P<more>{_PART})",
                rf"scale {{where}} up by a factor of (?P<factor>{_DECIMAL})",
                rf"{_LARGER} by (?P<more>{_PART})",
                rf"{_LARGER} by a factor of (?P<factor>{_DECIMAL})",
                rf"make {{where}} (?P<less>{_PART}) smaller",
                rf"make {{where}} smaller by (?P<less>{_PART})",
                rf"make {{where}} (?P<more>{_PART}) (?:larger|bigger)",
                rf"make {{where}} (?:larger|bigger) by (?P<more>{_PART})",
            ),
        ),
    ),
    examples=(
        "resize it to 800x600",
        "resize the picture to 640 pixels wide",
        "scale it down to 50 %",
        "make it half as wide but keep the height",
        "resize it to fit within 300 x 300",
    ),
    apply=apply,
    places=("whole",),
    size=size,
)
