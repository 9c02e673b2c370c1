"""Lines of text that were read: which of them are meant, and where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import cv2
import numpy as np

from canvasagent.backends.base import TextLine
from canvasagent.backends.lite.edits._spec import Job, Mask
from canvasagent.errors import ToolRefusal

_ALIKE = 0.8
_SHAPES = frozenset("Oo0Il1|-_.,'°•")
"""Single characters that a disc or a bar is mistaken for."""


def lines_that_say(job: Job, old: str) -> list[TextLine]:
    """The lines inside the job's mask that say `old` (all if empty). Raises `ToolRefusal` with what can be read."""
    lines = [line for line in job.read() if job.mask is None or _touches(line, job.mask)]
    lines = [line for line in lines if line.text.strip() not in _SHAPES or line.text.strip() == old]
    if not lines:
        raise ToolRefusal("no text can be read there, so none can be changed.")
    found = [line for line in lines if not old or span_of(old, line.text) is not None]
    exact = [line for line in found if simplified(line.text) == simplified(old)]
    if not found:
        said = ", ".join(f"'{line.text}'" for line in lines[:12])
        raise ToolRefusal(f"the text '{old}' cannot be read in the picture. It says: {said}.")
    return exact or found


def _touches(line: TextLine, mask: Mask) -> bool:
    return bool((quad_mask(line, mask.shape) & mask).any())


def simplified(text: str) -> str:
    """Letters and digits in lower case, for comparing."""
    return "".join(character for character in text.casefold() if character.isalnum())


def span_of(old: str, text: str) -> tuple[float, float] | None:
    """Which part of `text` (as shares of its letters) says `old`, forgiving misread letters; None if none does."""
    wanted = simplified(old)
    if not wanted:
        return None
    if SequenceMatcher(None, wanted, simplified(text)).ratio() >= _ALIKE:
        return 0.0, 1.0
    words = [match.span() for match in re.finditer(r"\S+", text)]
    best, place = _ALIKE, None
    for first in range(len(words)):
        for last in range(first, len(words)):
            part = text[words[first][0] : words[last][1]]
            likeness = SequenceMatcher(None, wanted, simplified(part)).ratio()
            if likeness >= best + (place is not None) * 1e-9:
                best, place = likeness, (words[first][0] / len(text), words[last][1] / len(text))
    return place


def quad_mask(line: TextLine, shape: Sequence[int], grow: float = 0.0) -> Mask:
    """The inside of a line's corners, grown by a share of its height, as a (height, width) mask."""
    mask = np.zeros(tuple(shape[:2]), np.uint8)
    cv2.fillPoly(mask, [np.rint(np.array(line.quad)).astype(np.int32)], 1)
    if reach := round(grow * measure(line)[1]):
        near = window_of(line, shape, reach)
        mask[near] = cv2.dilate(mask[near], np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return mask > 0


def window_of(line: TextLine, shape: Sequence[int], reach: int) -> tuple[slice, slice]:
    """Rows and columns of a picture around a line's corners, `reach` pixels and a few more on every side."""
    (left, top), (right, bottom) = np.min(line.quad, axis=0) - reach - 2, np.max(line.quad, axis=0) + reach + 3
    return slice(max(int(top), 0), max(int(bottom), 0)), slice(max(int(left), 0), max(int(right), 0))


def measure(line: TextLine) -> tuple[float, float]:
    """Width and height of a line along its own directions, in pixels."""
    quad = np.array(line.quad, np.float64)
    width = (np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = (np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    return max(float(width), 2.0), max(float(height), 2.0)
