"""Reading details out of words: numbers, angles, regions, places, colours, sizes, phrases, references to pictures."""

import re
from typing import Any

from canvasagent.english.lexicon import numbers
from canvasagent.imaging.geometry import GridBox
from canvasagent.policies._scripted.accounting import free_words
from canvasagent.policies._scripted.patterns import Details, entries, knowledge, pattern
from canvasagent.tools.overlayer import color_name, is_color


def lookup(table: str, text: str, used: list[str] | None = None) -> Any:
    """What a text means by a table of words.toml: the first entry that is found in it, or None.

    The words that say so are appended to `used`.
    """
    tried = ((means, pattern(source).search(text)) for source, means in knowledge()[table].items())
    means, hit = next((found for found in tried if found[1]), (None, None))
    if hit is None:
        return None
    if used is not None:
        used.append(hit[0])
    if not isinstance(means, dict):
        return means
    return float(next(filter(None, hit.groups()))) * means["times"] + means.get("plus", 0)


def number(text: str, used: list[str] | None = None) -> float | None:
    """The number that a text holds, in digits or in words: 'two', 'second', 'twice' → 2; 'last' → -1."""
    hit = re.search(r"\d+(?:\.\d+)?", text) or pattern(r"\b(?:{number})\b").search(text)
    if hit is None:
        return None
    if used is not None:
        used.append(hit[0])
    return numbers().get(hit[0].lower()) or float(hit[0])


def angle(how: str, used: list[str] | None = None) -> int:
    """Degrees clockwise: 'to the left' → -90, 'a quarter turn' → 90, 'upside down' → 180."""
    turned = int(lookup("angle", how, used)) * (-1 if pattern("{leftwards}").search(how) else 1)
    return turned if abs(turned) <= 360 else turned % 360


def _sides(text: str) -> list[str]:
    return [side for side in ("left", "right", "top", "bottom", "middle") if pattern(f"{{{side}}}").search(text)]


def region(text: str, used: list[str] | None = None) -> GridBox:
    """The box of a region in words: 'top third', 'left half', 'bottom right corner', 'centre'."""
    named = _sides(text)
    size = round(min(max(lookup("share", text, used), 10), 1000))
    if used is not None:
        used += pattern("{side}|{side_noun}|{top}|{bottom}").findall(text)
    if named == ["middle"]:
        return (low := 333 if size == 333 else 500 - size // 2, low, 1000 - low, 1000 - low)
    left, top = 1000 - size if "right" in named else 0, 1000 - size if "bottom" in named else 0
    return (left, top, size if "left" in named else 1000, size if "top" in named else 1000)


def remainder(text: str, used: list[str] | None = None) -> GridBox | None:
    """What is left when a side is cut off: 'the top third' → the lower two thirds. None for corners."""
    left, top, right, bottom = region(text if pattern("{share_given}").search(text) else f"{text} 10%", used)
    if (top, bottom) == (0, 1000):
        return (right, 0, 1000, 1000) if left == 0 else (0, 0, left, 1000)
    return ((0, bottom, 1000, 1000) if top == 0 else (0, 0, 1000, top)) if (left, right) == (0, 1000) else None


def edges(text: str, keeps: bool, used: list[str]) -> Details | None:
    """What is cut off, or kept, at each side that is named, where that is given in pixels or all round.

    `sides`, an `amount` in pixels or (0 to 1) as a share, and whether it `keeps` that. None for other regions.
    """
    pixels, around = pattern("{pixels}").search(text), pattern("{all_round}").search(text)
    share = pattern(r"(\d+(?:\.\d+)?) ?(?:%|percent\b)").search(text)
    sides = ["left", "right", "top", "bottom"] if around else [side for side in _sides(text) if side != "middle"]
    opposite = sides in (["left", "right"], ["top", "bottom"])
    if not pixels and not ((around or opposite) and share):
        return None
    found = pixels or share
    if found is None or not sides or (keeps and len(sides) > 1):
        return None
    used += [found[0], around[0] if around else "", *pattern("{side}|{side_noun}").findall(text)]
    return {"sides": sides, "amount": float(found[1]) / (1 if pixels else 100), "pixels": bool(pixels), "keeps": keeps}


def edged_box(cut: Details, size: tuple[int, int]) -> list[int]:
    """The box that is kept of a picture of `size` by what `edges` read, on the 0 to 1000 grid."""
    box = {"left": 0.0, "top": 0.0, "right": 1000.0, "bottom": 1000.0}
    for side in cut["sides"]:
        length = size[0] if side in ("left", "right") else size[1]
        part = 1000 * (cut["amount"] / length if cut["pixels"] else cut["amount"])
        part = 1000 - part if cut["keeps"] else part
        box[side] = part if side in ("left", "top") else 1000 - part
        if cut["keeps"]:  # the other side is cut, by all the rest
            box |= {side: {"left": 0.0, "top": 0.0}.get(side, 1000.0)}
            other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[side]
            box[other] = 1000 - part if other in ("right", "bottom") else part
    return [round(box[side]) for side in ("left", "top", "right", "bottom")]


def aspect(text: str) -> float:
    """Width by height: 'square' → 1, '16:9', 'portrait' → 3:4, 'landscape' → 4:3."""
    given = [int(number) for number in re.findall(r"\d+", text)]
    return given[0] / given[1] if len(given) == 2 and all(given) else float(lookup("aspect", text))


def place(text: str, used: list[str] | None = None) -> list[int] | None:
    """The centre that words name ('at the top left'), or that stands there as `[x, y]`. None if none does."""
    point = re.search(r"[\[(] ?(\d+) ?, ?(\d+) ?[\])]", text)
    if used is not None:
        used += [point[0]] if point else pattern("{side}|{side_noun}|{top}|{bottom}").findall(text)
    if point:
        return [min(int(at), 1000) for at in point.groups()]
    sides = ["middle"] if pattern("{across}").search(text) else _sides(text)
    if not sides:
        return [850, 880] if pattern(r"\b(?:the|a) corner\b").search(text) else None
    x = 150 if "left" in sides else 850 if "right" in sides else 500
    ends = (100, 900) if x == 500 else (120, 880)
    y = ends[0] if "top" in sides else ends[1] if "bottom" in sides else 500
    return [x, y]


def anchor(text: str, used: list[str] | None = None) -> tuple[dict[str, str] | None, str]:
    """A thing that a place is told by ('under the face'), and the text without it."""
    for match in pattern("{anchored}").finditer(text):
        if not pattern("{only_place}").fullmatch(thing := match["thing"]) and not reference(thing)[0]:
            rest = f"{text[: match.start()]} {text[match.end() :]}"
            if used is not None:
                used.append(match[0])
            return {"how": match["how"].lower(), "phrase": phrase(thing)[0]}, rest
    return None, text


def beside(how: str, box: GridBox, halves: list[int]) -> list[int]:
    """The centre of what goes 'above', 'next to' or 'on' the thing in a box; `halves` are of its own size, if known."""
    (x, y), (left, top, right, bottom) = lookup("beside", how), box
    across = (left + right) / 2 + x * ((right - left) / 2 + (halves[0] + 10 if halves[0] else 70))
    down = (top + bottom) / 2 + y * ((bottom - top) / 2 + (halves[1] + 10 if halves[1] else 60))
    return [min(max(round(value), 40), 960) for value in (across, down)]


def colour(text: str, used: list[str] | None = None) -> str | None:
    """The colour that a text is asked in: the first colour word that can be drawn."""
    for match in pattern("{colour}").finditer(text):
        whole = match[0].lower().replace("-", " ")
        following = pattern(r"[- ]+([a-z]\w+)").match(text, match.end())
        if following and following[1].lower() not in free_words() and not pattern("{lettering}").match(following[1]):
            continue  # the colour of something else: 'in a red box'
        if name := next((name for name in (whole, whole.split()[-1]) if is_color(name)), None):
            if used is not None:
                used.append(name)
            return color_name(name)
    return None


def reference(text: str, used: list[str] | None = None) -> tuple[str, str]:
    """Which picture a text speaks of, and the text without that mention: ('input 2', 'the face').

    The meaning is '' (none named), 'it', 'picture', 'cutout', 'mask', 'each', 'other', 'id NAME' or 'input N'.
    """
    for entry in entries("reference"):
        if (match := entry["fits"].search(text)) is not None:
            if used is not None:
                used.append(match[0])
            before, means = pattern("{before_picture}").sub("", text[: match.start()]), entry["means"]
            count = number(re.sub(" one$", "", match[0])) if means == "input" else 0
            means = f"input {int(count or 1)}" if means == "input" else f"id {match[0]}" if means == "id" else means
            return means, f"{before} {text[match.end() :].strip()}".strip(" ,")
    return "", text


def phrase(text: str) -> tuple[str, bool]:
    """What to look for, without articles and the like, and whether all of it is wanted: 'red circles', True."""
    text = pattern("{after_phrase}").sub("", text.strip(" ?.,"))
    return pattern("{before_phrase}").sub("", text).strip(" ,"), pattern("{plural}").search(text) is not None


def head(thing: str) -> str:
    """The plain noun phrase of a thing, without order, size and place: 'the second tree from the left' → 'tree'."""
    text = pattern("{after_noun}").sub("", phrase(thing)[0])
    return pattern("{before_noun}").sub("", text).strip() or text
