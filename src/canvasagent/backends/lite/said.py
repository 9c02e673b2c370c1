"""Where in lines of read text some wanted words are, forgiving what a reader gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from canvasagent.backends.base import Detection, TextLine
from canvasagent.geometry import PixelBox, Point, bounds


def find_said(lines: Sequence[TextLine], wanted: str, whole_line: bool, least: float) -> list[Detection]:
    """Every place where `wanted` stands, in `lines` or running over several of them, the best first.

    With `whole_line` the box is that of the line, else that of the words alone, judged by the share of letters
    before and after them. `least` is the likeness (0 to 1) that is needed; words of up to three letters must be exact.
    """
    goal = _plain(wanted)
    if not goal:
        return []
    found = []
    for line in lines:
        likeness, start, end = _best_part(_plain(line.text), goal)
        if likeness >= (1.0 if len(goal) <= 3 else least):
            box = line.box if whole_line else _part_box(line, start, end)
            found.append(Detection(line.text if whole_line else wanted, box, round(likeness * line.score, 4)))
    if not found:
        found = _over_lines(lines, goal, least)
    return sorted(found, key=lambda item: (-item.score, item.box))


def _plain(text: str) -> str:
    """Letters and digits only, in lower case."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _best_part(text: str, goal: str) -> tuple[float, float, float]:
    """How like `goal` the likest part of `text` is, and where it starts and ends, as shares of its length."""
    at = text.find(goal)
    if at >= 0:
        return 1.0, at / len(text), (at + len(goal)) / len(text)
    best = (0.0, 0.0, 1.0)
    for start in range(max(1, len(text) - len(goal) + 1)):
        part = text[start : start + len(goal)]
        likeness = SequenceMatcher(None, part, goal, autojunk=False).ratio()
        if likeness > best[0]:
            best = (likeness, start / max(len(text), 1), (start + len(part)) / max(len(text), 1))
    return best


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
