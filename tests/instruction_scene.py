"""What the pictures of the instruction set show, as lists of things and lines of text, and how tools change that.

No pixels: a picture is its size, the boxes of the things in it and its lines of text, all on the grid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from canvasagent.imaging.geometry import Size, bounds

Box = tuple[float, float, float, float]
WHOLE: Box = (0, 0, 1000, 1000)
DEFAULT_SIZE: Size = (200, 150)
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
COLORS = set(
    [
        "red",
        "green",
        "blue",
        "yellow",
        "orange",
        "purple",
        "pink",
        "white",
        "black",
        "grey",
        "gray",
        "brown",
        "golden",
        "silver",
    ]
)
ADDS = r"add|put|draw|insert|place|paint|plant|include|give|hang|want|need|another|more|missing|there should"
REMOVES = r"remove|erase|delete|get rid|take|drop|clean|lose|without|vanish|disappear|gone|go away|out of|no more"
REPLACES = r"replace|swap|turn|change|exchange|instead|transform|rewrite|correct|fix|should (?:say|read)|update"
QUOTED = re.compile(r"""["“'‘]([^"”’“]+?)["”'’](?!\w)""")


@dataclass(frozen=True)
class Item:
    """A thing, or a line of text that stands `turned` degrees clockwise; mirrored text cannot be read."""

    name: str
    box: Box
    turned: int = 0
    mirrored: bool = False


@dataclass(frozen=True)
class Picture:
    """What a picture shows. `told` holds the words of prompts, line by line: what they name can be found."""

    size: Size = DEFAULT_SIZE
    things: tuple[Item, ...] = ()
    lines: tuple[Item, ...] = ()
    told: str = ""


def picture_of(world: Mapping[str, Any]) -> Picture:
    """An input picture, from a line's `world`: counts or boxes of things, lines of text, how these are turned."""
    given: list[tuple[str, Any]] = []
    for name, many in world.get("things", {}).items():
        given += [(name, box) for box in (many if isinstance(many, list) else [None] * many)]
    wide = 1000 / max(len(given), 1)
    things = [
        Item(name, tuple(box) if box else (wide * (index + 0.1), 400, wide * (index + 0.9), 800))
        for index, (name, box) in enumerate(given)
    ]
    turned = world.get("turned", 0)
    lines = []
    for index, text in enumerate(world.get("text", [])):
        upright = Item(text, (250, 60 + 120 * index, 750, 140 + 120 * index))
        lines.append(replace(upright, box=turned_box(upright.box, (1, 1), turned), turned=turned))
    return Picture(tuple(world.get("size", DEFAULT_SIZE)), tuple(things), tuple(lines))


# ── what tools do to a picture ───────────────────────────────────────────────────────────────────────────


def flipped(picture: Picture) -> Picture:
    """Mirrored left to right."""

    def mirror(item: Item) -> Item:
        left, top, right, bottom = item.box
        return replace(item, box=(1000 - right, top, 1000 - left, bottom), mirrored=not item.mirrored)

    return replace(picture, things=tuple(map(mirror, picture.things)), lines=tuple(map(mirror, picture.lines)))


def turned_size(size: Size, angle: int) -> Size:
    """The canvas that holds a turned picture."""
    cos, sin = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    return round(size[0] * cos + size[1] * sin), round(size[0] * sin + size[1] * cos)


def turned_box(box: Box, size: Size, angle: int) -> Box:
    """Where a box of a picture of `size` lies after a clockwise turn, on the grid of the grown canvas."""
    wide, high = turned_size((size[0] * 1000, size[1] * 1000), angle)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = []
    for x, y in ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])):
        dx, dy = (x - 500) * size[0], (y - 500) * size[1]
        corners.append((500 + (dx * cos - dy * sin) * 1000 / wide, 500 + (dx * sin + dy * cos) * 1000 / high))
    return bounds(corners)


def rotated(picture: Picture, angle: int) -> Picture:
    """Turned clockwise; text stands turned by as much, to the nearest quarter."""

    def turn(item: Item) -> Item:
        turned = round((item.turned + angle) / 90) % 4 * 90
        return replace(item, box=turned_box(item.box, picture.size, angle), turned=turned)

    things, lines = tuple(map(turn, picture.things)), tuple(map(turn, picture.lines))
    return replace(picture, size=turned_size(picture.size, angle), things=things, lines=lines)


def cropped(picture: Picture, box: Sequence[float], size: Size) -> Picture:
    """The part in `box`, which is `size` pixels large: what has its middle in it."""

    def moved(items: Sequence[Item]) -> Iterator[Item]:
        for item in items:
            x, y = (item.box[0] + item.box[2]) / 2, (item.box[1] + item.box[3]) / 2
            if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
                spans = [
                    min(max((edge - box[axis % 2]) * 1000 / (box[axis % 2 + 2] - box[axis % 2]), 0), 1000)
                    for axis, edge in enumerate(item.box)
                ]
                yield replace(item, box=(spans[0], spans[1], spans[2], spans[3]))

    return replace(picture, size=size, things=tuple(moved(picture.things)), lines=tuple(moved(picture.lines)))


def written(picture: Picture, text: str, position: Sequence[float]) -> Picture:
    """With a line of text on it."""
    line = Item(" ".join(text.split()), (position[0] - 100, position[1] - 40, position[0] + 100, position[1] + 40))
    return replace(picture, lines=(*picture.lines, line))


def overlaid(picture: Picture, content: Picture, position: Sequence[float]) -> Picture:
    """With what another picture shows, around a place."""
    wide, high = (min(content.size[axis] * 500 / picture.size[axis], 500) for axis in (0, 1))
    box = (position[0] - wide, position[1] - high, position[0] + wide, position[1] + high)
    things = tuple(replace(item, box=box) for item in content.things)
    lines = tuple(replace(item, box=box) for item in content.lines)
    told = f"{picture.told}\n{content.told}"
    return replace(picture, things=picture.things + things, lines=picture.lines + lines, told=told)


def generated(prompt: str, size: Size | None) -> Picture:
    """A new picture: what its prompt names is there, and quoted text can be read."""
    lines = tuple(
        Item(text, (300, 100 + 150 * index, 700, 200 + 150 * index)) for index, text in enumerate(quotes(prompt))
    )
    return Picture(size or (256, 256), (), lines, prompt)


def quotes(prompt: str) -> list[str]:
    """The quoted texts of a prompt."""
    return [match[1].strip() for match in QUOTED.finditer(prompt)]


def edited(picture: Picture, prompt: str) -> Picture:
    """Changed as a prompt says: what it adds is there, what it removes is gone, replaced text reads anew."""
    words = prompt.lower()
    if re.search(rf"\b(?:{REPLACES})", words):
        return exchanged(picture, prompt)
    if re.search(rf"\b(?:{REMOVES})", words):
        return removed(picture, words)
    added = re.search(rf"\b(?:{ADDS})\b(.*?)(?:\b(?:in|on|to|next|at|under|near|beside|behind|above|below)\b|$)", words)
    return replace(picture, told=f"{picture.told}\n{added[1]}") if added else picture


def exchanged(picture: Picture, prompt: str) -> Picture:
    """With one thing in another's place, or other words in a line of text."""
    instead = re.match(r"(.*)\binstead of (.*)", prompt, re.IGNORECASE)
    halves = re.match(r"(.*?)\b(?:with|for|by|into|to(?= an? )|and (?:put|add|draw))\b(.*)", prompt, re.IGNORECASE)
    old, new = (instead[2], instead[1]) if instead else (halves[1], halves[2]) if halves else ("", "")
    kept = tuple(item for item in picture.things if not names(old, item.name))
    told = f"{without(picture.told, old)}\n{new}"
    return replace(picture, things=kept, lines=rewritten(picture.lines, prompt), told=told)


def without(told: str, words: str) -> str:
    """What was told before, less the things that `words` name."""
    gone = set(stems(words))
    return re.sub(r"[\w']+", lambda match: "" if singular(match[0].lower()) in gone else match[0], told)


def one_less(told: str, words: str) -> str:
    """What was told before, with one less of the first thing that `words` name."""
    for noun in stems(words):
        pattern = rf"\b({'|'.join(NUMBERS)}|\d+)(?=\s+(?:\w+\s+){{0,2}}?{re.escape(noun)})"
        if found := re.search(pattern, told.lower()):
            count = NUMBERS.index(found[1]) if found[1] in NUMBERS else int(found[1])
            return f"{told[: found.start()]}{max(count - 1, 0)}{told[found.end() :]}"
    return without(told, words)


def removed(picture: Picture, words: str) -> Picture:
    """Without the things, the text and the words told before that a prompt names; "one" or an ordinal takes one."""
    gone = chosen(sorted(item.box for item in picture.things if names(words, item.name)), words)
    single = re.search(r"\b(?:an?|one)\b", words)
    gone = gone[-1:] if single else gone
    things = tuple(item for item in picture.things if not (names(words, item.name) and item.box in gone))
    wiped = re.search(r"\b(?:text|words?|writing|letter(?:ing|s)?|captions?|watermark|sign)\b", words)
    lines = tuple(line for line in picture.lines if not wiped and line.name.lower() not in words)
    told = one_less(picture.told, words) if single else without(picture.told, words)
    return replace(picture, things=things, lines=lines, told=told)


def rewritten(lines: Sequence[Item], prompt: str) -> tuple[Item, ...]:
    """Lines of text after a prompt that names an old text and a new one."""
    told = quotes(prompt)
    new = told[-1] if told else next(iter(re.findall(r"\b(?:to|into|with|by) (\S+)", prompt)), "")
    return tuple(replace(line, name=new) if new and line.name.lower() in prompt.lower() else line for line in lines)


# ── what can be found ────────────────────────────────────────────────────────────────────────────────────


def singular(word: str) -> str:
    """A word without its plural."""
    word = word.strip(".,;:!?'\"")
    odd = {"geese": "goose", "mice": "mouse", "men": "man", "women": "woman", "children": "child", "people": "person"}
    odd |= {"leaves": "leaf", "wolves": "wolf", "knives": "knife", "shelves": "shelf", "loaves": "loaf", "feet": "foot"}
    if word in odd:
        return odd[word]
    for ending, stem in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if word.endswith(ending) and len(word) > 4:
            return word.removesuffix(ending) + stem
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def stems(text: str) -> list[str]:
    """The words of a text, singular and in lower case."""
    return [singular(word) for word in re.findall(r"[\w']+", text.lower())]


def names(phrase: str, name: str) -> bool:
    """Whether a phrase names a thing: by its last word, and not in another colour than it has."""
    said, own = stems(phrase), stems(name)
    if not own or not any(close(word, own[-1]) for word in said):
        return False
    claimed = COLORS & set(own)
    return not claimed or not COLORS & set(said) or bool(claimed & set(said))


def close(word: str, other: str) -> bool:
    """Whether two words are one, a slip of the pen aside: both begin alike and one letter is missing or doubled."""
    if word == other:
        return True
    if min(len(word), len(other)) < 5 or abs(len(word) - len(other)) != 1:
        return False
    short, long = sorted((word, other), key=len)
    return any(long[:index] + long[index + 1 :] == short for index in range(1, len(long)))


def find(picture: Picture, phrase: str) -> list[tuple[str, Box, float]]:
    """What a phrase names, left to right: label, box, confidence; an ordinal or a size picks one of them."""
    head = re.split(
        r"\b(?:that|which|who|with|in|on|of|from|next|beside|under|behind|around|near|by|at|above|below|between|over|inside|along|than)\b",
        phrase.lower().strip(),
    )[0]
    head = re.sub(r"\b(?:left|right|top|bottom)[- ]?most\b", " ", head) or phrase.lower()
    boxes = [item.box for item in picture.things if names(head, item.name)]
    boxes += [line.box for line in picture.lines if "sign" in head or "text" in head]
    boxes += [box for part in picture.told.splitlines() for box in told_boxes(part, head)]
    boxes = chosen(sorted(boxes), phrase.lower())
    label = re.sub(r"^(?:(?:all|the|an?|every|each|my) )+", "", phrase.strip(), flags=re.IGNORECASE)
    return [(label, box, round(0.97 - 0.02 * index, 2)) for index, box in enumerate(boxes)]


def told_boxes(told: str, head: str) -> list[Box]:
    """Boxes for what a prompt named, as many as the number before the noun says."""
    words, wanted = stems(told), stems(head)
    if not wanted or wanted[-1] not in words:
        return []
    index = words.index(wanted[-1])
    before = [word for word in words[max(index - 3, 0) : index] if word in NUMBERS or word.isdigit()]
    count = (NUMBERS.index(before[-1]) if before[-1] in NUMBERS else int(before[-1])) if before else 1
    wide = 1000 / max(count, 1)
    return [(wide * (number + 0.1), 400, wide * (number + 0.9), 800) for number in range(count)]


def chosen(boxes: list[Box], phrase: str) -> list[Box]:
    """The box that an ordinal, a side or a size in the phrase picks; all of them without one."""
    if len(boxes) < 2:
        return boxes
    by_size = sorted(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    if re.search(r"\b(?:largest|biggest|larger|bigger|tallest|taller|huge)\b", phrase):
        return by_size[-1:]
    if re.search(r"\b(?:smallest|smaller|tiniest|shortest|shorter|littlest)\b", phrase):
        return by_size[:1]
    ordinal = next((number for number, word in enumerate(ORDINALS) if re.search(rf"\b{word}\b", phrase)), None)
    backwards = re.search(r"\bfrom the right\b|\bright[- ]?most\b|\blast\b|\b(?:on|to) the (?:far )?right\b", phrase)
    if ordinal is not None:
        row = boxes[::-1] if backwards else boxes
        return row[ordinal : ordinal + 1]
    if backwards or re.match(r"(?:the )?right\b", phrase):
        return boxes[-1:]
    if re.search(r"\bleft[- ]?most\b|\b(?:on|to) the (?:far )?left\b", phrase) or re.match(r"(?:the )?left\b", phrase):
        return boxes[:1]
    middle = re.search(r"\b(?:middle|central|centre|center)\b", phrase) and len(boxes) % 2
    return [boxes[len(boxes) // 2]] if middle else boxes


def readable(picture: Picture) -> list[Item]:
    """The lines of text that can be read, top to bottom."""
    return sorted((line for line in picture.lines if not line.mirrored), key=lambda line: (line.box[1], line.box[0]))
