"""Where in lines of read text some wanted words are, forgiving what a reader gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from canvasagent.backends.base import Detection, TextLine
from canvasagent.imaging.geometry import PixelBox, Point, bounds


def find_said(lines: Sequence[TextLine], wanted: str, whole_line: bool, least: float) -> list[Detection]:
    """Every place where `wanted` stands, in `lines` or running over several of them, the best first.

    With `whole_line` the box is that of the line, else that of the words alone, judged by the letters
    before and after them. `least` is the likeness (0 to 1) that is needed; words of up to three letters must be exact.
    """
    goal = _plain(wanted)
    if not goal:
        return []
    found = []
    for line in lines:
        likeness, start, end = _best_part(_plain(line.text), goal)
        if likeness >= (1.0 if len(goal) <= 3 else least):
            box = line.box if whole_line else _part_box(line, *_along(line.text, start, end))
            found.append(Detection(line.text if whole_line else wanted, box, round(likeness * line.score, 4)))
    if not found:
        found = _over_lines(lines, goal, least)
    return sorted(found, key=lambda item: (-item.score, item.box))


def _plain(text: str) -> str:
    """Letters and digits only, in lower case."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _best_part(text: str, goal: str) -> tuple[float, int, int]:
    """How like `goal` the likest part of `text` is, and where it starts and ends."""
    at = text.find(goal)
    if at >= 0:
        return 1.0, at, at + len(goal)
    best = (0.0, 0, len(text))
    for start in range(max(1, len(text) - len(goal) + 1)):
        part = text[start : start + len(goal)]
        likeness = SequenceMatcher(None, part, goal, autojunk=False).ratio()
        if likeness > best[0]:
            best = (likeness, start, start + len(part))
    return best


def _along(text: str, start: int, end: int) -> tuple[float, float]:
    """Where the letters and digits `start` to `end` of `text` begin and end on the line, as shares of its length.

    Judged by how wide letters commonly are, with a little room: the font is not known.
    """
    widths = [_width(sign) for sign in text]
    plain = [at for at, sign in enumerate(text) for _ in _plain(sign)]
    first, last = plain[start], plain[end - 1]
    room, total = 0.15 * sum(widths) / len(widths), sum(widths)
    return max((sum(widths[:first]) - room) / total, 0.0), min((sum(widths[: last + 1]) + room) / total, 1.0)


def _width(sign: str) -> float:
    if sign in "MWmw@%—":
        return 1.4
    if sign in "iljtfrI1 .,:;'!|()-":
        return 0.55
    return 1.15 if sign.isupper() or not sign.isascii() else 1.0


def _part_box(line: TextLine, start: float, end: float) -> PixelBox:
    """The upright box of the part of a line from `start` to `end`, shares of its length along the text."""

    def between(one: Point, other: Point, share: float) -> Point:
        return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])

    first, second, third, fourth = line.quad
    return bounds(
        [between(first, second, at) for at in (start, end)] + [between(fourth, third, at) for at in (start, end)]
    )


def _over_lines(lines: Sequence[TextLine], goal: str, least: float) -> list[Detection]:
    """The run of two to five lines in reading order that together say `goal`, if any."""
    best: tuple[float, Sequence[TextLine]] = (least, ())
    for count in range(2, 6):
        for first in range(len(lines) - count + 1):
            run = lines[first : first + count]
            likeness = SequenceMatcher(None, "".join(_plain(line.text) for line in run), goal, autojunk=False).ratio()
            if likeness > best[0]:
                best = (likeness, run)
    likeness, run = best
    if not run:
        return []
    box = bounds([point for line in run for point in line.quad])
    return [Detection(" ".join(line.text for line in run), box, round(likeness * min(line.score for line in run), 4))]
