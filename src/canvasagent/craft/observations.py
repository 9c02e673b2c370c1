"""What a conversation shows of a run so far: each call's observation, taken apart again, and the pictures' sizes.

The performer keeps nothing between turns; this is all that it knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from canvasagent.conversation import Message
from canvasagent.geometry import Size
from canvasagent.trajectory import Trajectory

_STATE = re.compile(r"\n?\[(?:Output image saved as: (?P<made>[^\s\]]+)\. )?now imglist is \{(?P<ids>[^}]*)\}\]\s*\Z")
_BOX = r"\[(\d+), (\d+), (\d+), (\d+)\]"
_FOUND = re.compile(rf"^- '(.*)': {_BOX} \(confidence: ([\d.]+)\)$", re.MULTILINE)
_READ = re.compile(
    rf"^'(.*)' \(confidence: ([\d.]+), box: {_BOX}(?:, (upside down)|, turned (\d+) degrees clockwise)?\)$",
    re.MULTILINE,
)
ALIKE = 0.8
"""How alike what was read must be to a text that is expected."""


@dataclass(frozen=True)
class Observation:
    """A tool message: what it says, what was found as data, what was made, and whether the call failed."""

    text: str
    data: list[dict[str, Any]]
    made: str | None
    failed: bool


@dataclass(frozen=True)
class Past:
    """A run so far: its observations in order, and the size of every picture by id."""

    observations: tuple[Observation, ...]
    sizes: dict[str, Size] = field(default_factory=dict)


def observe(message: str) -> Observation:
    """A tool message's text, taken apart."""
    state = _STATE.search(message)
    text = message[: state.start()] if state else message
    text = re.sub(r"\A(?:Format fault:[^\n]*\n?)+", "", text).strip()
    made = state["made"] if state else None
    failed = re.match(r"Error(?: \(infrastructure\))?:", text) is not None
    return Observation(text, [] if failed else _data(text), made, failed)


def _data(text: str) -> list[dict[str, Any]]:
    if text.startswith("Found "):
        found = (match.groups() for match in _FOUND.finditer(text))
        return [{"label": one[0], "bbox": _box(one[1:5]), "confidence": float(one[5])} for one in found]
    if not text.startswith("OCR Results"):
        return []
    read = (match.groups() for match in _READ.finditer(text))
    return [
        {
            "text": one[0],
            "bbox": _box(one[2:6]),
            "confidence": float(one[1]),
            "turned": 180 if one[6] else int(one[7] or 0),
        }
        for one in read
    ]


def _box(edges: Iterable[str]) -> list[int]:
    return [int(edge) for edge in edges]


def past_of(messages: Sequence[Message]) -> Past:
    """What a conversation shows since its last user message."""
    start = max((index for index, message in enumerate(messages) if message.role == "user"), default=0)
    sizes = {asset.id: asset.size for message in messages for asset in message.assets}
    return Past(tuple(observe(message.text) for message in messages[start:] if message.role == "tool"), sizes)


def past_of_run(trajectory: Trajectory) -> Past:
    """The same from a run's record."""
    told = [turn.observation for turn in trajectory.turns if turn.observation is not None]
    return Past(tuple(observe(text) for text in told), {asset.id: asset.size for asset in trajectory.assets})


def plain(text: str) -> str:
    """Letters and digits alone, in lower case: what readings are compared by."""
    return re.sub(r"[\W_]+", "", text.lower())


def likeness(read: str, wanted: str) -> float:
    """How alike a line is to a text, 0 to 1; 1 where the line holds it."""
    one, other = plain(read), plain(wanted)
    if not one or not other:
        return 0.0
    return 1.0 if other in one else difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def says(data: Sequence[dict[str, Any]], text: str) -> bool:
    """Whether what OCR read says a text, in one line or over several."""
    lines = [str(item.get("text", "")) for item in data]
    return any(likeness(line, text) >= ALIKE for line in [*lines, " ".join(lines)])
