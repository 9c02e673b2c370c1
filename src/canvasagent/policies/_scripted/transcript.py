"""What a conversation shows: the request, and the observations that came since."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from canvasagent.conversation import Message

_STATE = re.compile(r"\[(?:Output image saved as: (?P<made>[^\s\]]+)\. )?now imglist is \{(?P<ids>[^}]*)\}\]\s*\Z")
_CONTINUES = re.compile(r"\AContinuing an earlier run; its result is (\S+)\.\s*\n")
_FOUND = re.compile(r"^- '(.*)': \[(\d+), (\d+), (\d+), (\d+)\] \(confidence: ([\d.]+)\)$", re.MULTILINE)
_LINE = re.compile(
    r"^'(.*)' \(confidence: ([\d.]+), box: \[(\d+), (\d+), (\d+), (\d+)\]"
    r"(?:, (upside down)|, turned (\d+) degrees clockwise)?\)$",
    re.MULTILINE,
)
_TOTAL = re.compile(r"^(?:Found (\d+) objects|OCR Results \((\d+) text regions)", re.MULTILINE)
_TURNS = re.compile(r"You have (\d+) turns")


@dataclass(frozen=True)
class Finding:
    """A thing or a line of text that a tool found: what it is called or says, its box, how sure it is."""

    label: str
    box: tuple[int, int, int, int]
    score: float
    turned: int = 0
    """By how many degrees clockwise a line of text stands turned: 0, 90, 180 or 270."""


@dataclass(frozen=True)
class Observation:
    """A tool message, taken apart."""

    text: str
    made: str | None = None
    size: tuple[int, int] | None = None

    @property
    def error(self) -> str | None:
        """What the tool says went wrong, or None."""
        match = re.match(r"Error(?: \(infrastructure\))?:\s*(.*)", self.text, re.DOTALL)
        return " ".join(match[1].split()) if match else None

    @property
    def passing(self) -> bool:
        """Whether the tool failed for a reason that the call is not to blame for."""
        return self.text.startswith("Error (infrastructure)")

    @property
    def findings(self) -> list[Finding]:
        """The things or lines that Grounding or OCR list. What was read is data and stays data."""
        found = [Finding(m[1], _box(m.groups()[1:5]), float(m[6])) for m in _FOUND.finditer(self.text)]
        for line in _LINE.finditer(self.text):
            turned = 180 if line[7] else int(line[8] or 0)
            found.append(Finding(line[1], _box(line.groups()[2:6]), float(line[2]), turned))
        return found

    @property
    def total(self) -> int:
        """How many there are in all, those on further pages too."""
        match = _TOTAL.search(self.text)
        return int(match[1] or match[2]) if match else len(self.findings)


def _box(values: Sequence[Any]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(value) for value in values)
    return left, top, right, bottom


@dataclass(frozen=True)
class Request:
    """The last user message and what came since."""

    instruction: str
    ids: tuple[str, ...]
    continues: str | None
    sizes: dict[str, tuple[int, int]]
    observations: tuple[Observation, ...]
    max_turns: int | None


def read(messages: Sequence[Message]) -> Request:
    """The request that a conversation is about. An empty conversation is an empty request."""
    start = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
    system = " ".join(message.text for message in messages if message.role == "system")
    turns = _TURNS.search(system)
    sizes = {asset.id: asset.size for message in messages for asset in message.assets}
    if start is None:
        return Request("", (), None, sizes, (), int(turns[1]) if turns else None)
    text, ids = messages[start].text, tuple(asset.id for asset in messages[start].assets)
    state = _STATE.search(text)
    if state is not None:
        text = text[: state.start()]
        ids = tuple(name for part in state["ids"].split(",") if (name := part.strip()))
    continues = _CONTINUES.match(text)
    text = text[continues.end() :] if continues else text
    seen = tuple(_observe(message) for message in messages[start + 1 :] if message.role == "tool")
    return Request(
        text.strip(), ids, continues[1] if continues else None, sizes, seen, int(turns[1]) if turns else None
    )


def _observe(message: Message) -> Observation:
    text, made = message.text, None
    state = _STATE.search(text)
    if state is not None:
        made, text = state["made"], text[: state.start()]
    text = re.sub(r"\A(?:Format fault:[^\n]*\n?)+", "", text)
    size = next((asset.size for asset in message.assets if asset.id == made), None)
    told = re.search(r"Output size: \((\d+), (\d+)\)", text)
    return Observation(text.strip(), made, size or ((int(told[1]), int(told[2])) if told else None))
