"""Small readers of details: angles, boxes, places, colours, sizes, phrases and references to pictures."""

from __future__ import annotations

import re

from canvasagent.policies._scripted.language import knowledge, pattern
from canvasagent.tools.overlayer import color_name, is_color

FULL_BOX = (0, 0, 1000, 1000)
Box = tuple[int, int, int, int]


def number(text: str) -> float | None:
    """The first number in a text, in digits or as a word."""
    digits = re.search(r"\d+(?:\.\d+)?", text)
    if digits:
        return float(digits[0])
    words = knowledge()["numbers"]
    return next((float(words[word]) for word in re.findall(r"[a-z]+", text.lower()) if word in words), None)


def angle(how: str) -> int:
    """Degrees clockwise: 'to the left' → -90, 'a quarter turn' → 90, 'upside down' → 180."""
    how = how.lower()
    digits = re.search(r"(-|minus )?(\d+(?:\.\d+)?)", how)
    if digits:
        size = round(float(digits[2])) * (-1 if digits[1] else 1)
    elif re.search(r"three[- ]quarter", how):
        size = 270
    elif re.search(r"upside|half|around|round|over\b|head|twice", how):
        size = 180
    else:
        size = 10 if re.search(r"a bit|slightly|a little", how) else 90
    back = re.search(r"counter|anti|ccw|left", how) is not None
    turned = -size if back else size
    return turned if abs(turned) <= 360 else turned % 360


def explicit_box(text: str) -> Box | None:
    """Four numbers on the grid, as `[x, y, x, y]`."""
    found = [int(value) for value in re.findall(r"\d+", text)]
    return (found[0], found[1], found[2], found[3]) if len(found) >= 4 else None


def region(text: str) -> Box:
    """The box of a region in words: 'top third', 'left half', 'bottom right corner', 'centre'."""
    words = text.lower()
    percent = re.search(r"(\d+) ?(?:%|percent)", words)
    sides = set(canonical(words))
    corner = bool(sides & {"left", "right"}) and bool(sides & {"top", "bottom"})
    size = 333 if "third" in words else 250 if "quarter" in words and not corner else 500
    size = min(max(round(float(percent[1]) * 10), 10), 1000) if percent else size
    return _span(sides, size, corner, "third" in words)


def _span(sides: set[str], size: int, corner: bool, third: bool) -> Box:
    if "middle" in sides and not sides & {"left", "right", "top", "bottom"}:
        low = 333 if third else 500 - size // 2
        return (low, low, 1000 - low, 1000 - low)
    left, top, right, bottom = FULL_BOX
    if "left" in sides:
        right = size
    if "right" in sides:
        left = 1000 - size
    if "top" in sides:
        bottom = size
    if "bottom" in sides:
        top = 1000 - size
    return (left, top, right, bottom)


def remainder(text: str) -> Box | None:
    """What is left when a side is cut off: 'the top third' → the lower two thirds. None for corners."""
    left, top, right, bottom = region(text if re.search(r"half|third|quarter|\d", text) else f"{text} 10%")
    if (top, bottom) == (0, 1000):
        return (right, 0, 1000, 1000) if left == 0 else (0, 0, left, 1000)
    if (left, right) == (0, 1000):
        return (0, bottom, 1000, 1000) if top == 0 else (0, 0, 1000, top)
    return None


def aspect(text: str) -> float:
    """Width by height: 'square' → 1, '16:9', 'portrait' → 3:4, 'landscape' → 4:3."""
    numbers = re.findall(r"\d+", text)
    if len(numbers) == 2 and all(int(value) for value in numbers):
        return int(numbers[0]) / int(numbers[1])
    return {"portrait": 0.75, "landscape": 4 / 3}.get(text.lower().strip(), 1.0)


def aspect_box(size: tuple[int, int], ratio: float) -> Box:
    """The largest centred box of that ratio in a picture of `size` pixels, on the grid."""
    width, height = size
    if width > height * ratio:
        share = round(500 * height * ratio / width)
        return (500 - share, 0, 500 + share, 1000)
    share = round(500 * width / ratio / height)
    return (0, 500 - share, 1000, 500 + share)


def canonical(text: str) -> list[str]:
    """The words of a text, those for places in one form: 'upper' → 'top', 'centre' → 'middle'."""
    same = knowledge()["same_place"]
    return [same.get(word, word) for word in re.findall(r"[a-z]+", text.lower())]


def place(text: str) -> list[int] | None:
    """The centre that words name ('at the top left'), or that stands there as `[x, y]`. None if none does."""
    point = re.search(r"[\[(] ?(\d+) ?, ?(\d+) ?[\])]", text)
    if point:
        return [min(int(point[1]), 1000), min(int(point[2]), 1000)]
    words = set(canonical(text))
    places = knowledge()["places"]
    return next((list(places[name]) for name in places if set(name.split()) <= words), None)


def anchor(text: str) -> tuple[dict[str, str] | None, str]:
    """A thing that a place is told by ('under the face'), and the text without it."""
    source = r"\b(?P<how>{beside}) (?P<thing>(?:the|his|her|my) (?!{picture})[\w\s-]+?)(?=,| (?:in|at|with|as|on)\b|$)"
    for match in pattern(source).finditer(text):
        words = set(canonical(match["thing"])) - {"very", "corner", "side", "edge", "the", "part", "half", "of"}
        if words and not words <= set(" ".join(knowledge()["places"]).split()) and not reference(match["thing"])[0]:
            found = {"how": match["how"].lower(), "phrase": phrase(match["thing"])[0]}
            return found, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def beside(how: str, box: Box, halves: tuple[float, float] = (70, 60)) -> list[int]:
    """The centre of what goes 'above', 'next to' or 'on' the thing in a box; `halves` are of its own size."""
    shifts = knowledge()["beside"]
    x, y = next((shifts[word] for word in re.findall("[a-z]+", how) if word in shifts), (0, 0))
    left, top, right, bottom = box
    across, down = (left + right) / 2, (top + bottom) / 2
    across += x * ((right - left) / 2 + halves[0])
    down += y * ((bottom - top) / 2 + halves[1])
    return [min(max(round(value), 40), 960) for value in (across, down)]


def colour(text: str) -> str | None:
    """The colour that a text is asked in: the first colour word that can be drawn."""
    for match in pattern("{colour}").finditer(text):
        whole = match[0].replace("-", " ")
        for name in (whole, whole.split()[-1]):
            plain = {"golden": "gold", "sky blue": "skyblue"}.get(name.lower(), name)
            if is_color(plain):
                return color_name(plain)
    return None


def size(text: str, table: str) -> float | None:
    """What a size word means by a table of patterns.toml, or a percentage."""
    percent = re.search(r"(\d+) ?(?:%|percent)", text)
    if percent and table == "object_size":
        return int(percent[1]) / 100
    words = knowledge()[table]
    return next((float(words[word]) for word in re.findall(r"[a-z]+", text.lower()) if word in words), None)


def reference(text: str) -> tuple[str, str]:
    """Which picture a text speaks of, and the text without that mention: ('input 2', 'the face').

    The meaning is '' (none named), 'it', 'picture', 'cutout', 'mask', 'each', 'id NAME' or 'input N'.
    """
    for entry in knowledge()["reference"]:
        match = pattern(entry["pattern"]).search(text)
        if match is not None:
            before = re.sub(
                r"[\s,]*(?:\b(?:in|on|of|from|out of|inside|within|at|off|for|to|onto)\s+)?$", "", text[: match.start()]
            )
            rest = f"{before} {text[match.end() :].strip()}".strip(" ,")
            return _meaning(entry["means"], match[0]), rest
    return "", text


def _meaning(means: str, words: str) -> str:
    if means == "id":
        known = next((name for name in ("img",) if words.lower().startswith(name)), None)
        return f"id {words.lower() if known else words}"
    if means == "original":
        return "input 1"
    if means == "input":
        return "other" if "other" in words.lower() else f"input {int(number(words) or 1)}"
    return means


def phrase(text: str) -> tuple[str, bool]:
    """What to look for, without articles and the like, and whether all of it is wanted: 'red circles', True."""
    text = re.sub(
        r"(?i)\b(?:there|here|visible|exactly|please|are|is|can you see|do you see)\s*\??$", "", text.strip(" ?.,")
    )
    text = re.sub(r"(?i)\s+(?:on|in) (?:there|here)$", "", text.strip())
    many = re.match(r"(?i)(?:all|every|each|both|any)\b", text) is not None
    text = re.sub(
        r"(?i)^(?:(?:all|every|each|both|any|some|only|just)(?: of)?\s+)*(?:(?:the|an?|his|her|its|my|their)\s+)?",
        "",
        text,
    )
    plural = re.search(r"(?i)[a-z]{2,}[^su]s$", text) is not None
    return text.strip(" ,"), many or plural
