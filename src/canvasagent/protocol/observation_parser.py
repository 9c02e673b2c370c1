"""What tool messages say, taken apart again: what was found or read, what was made, whether the call failed.

For policies that remember nothing between turns: the conversation is all that they know. What was read is data.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from canvasagent.protocol.conversation import Message, shown

_FAULTS = re.compile(r"\A(?:Format fault:[^\n]*\n?)+")
_ERROR = re.compile(r"Error( \(infrastructure\))?:\s*(.*)")
_TOTAL = re.compile(r"(?m)^(?:Found|OCR Results \()\D*(\d+)")
_BOX = r"\[(\d+), (\d+), (\d+), (\d+)\]"
_FINDING = re.compile(
    rf"(?m)^(?:- '(?P<found>.*)': {_BOX} \(confidence: ([\d.]+)\)"
    rf"|'(?P<read>.*)' \(confidence: ([\d.]+), box: {_BOX}(?:, (upside down)|, turned (\d+) degrees clockwise)?\))$"
)

GridBox = tuple[int, int, int, int]


class Finding(NamedTuple):
    """A thing or a line of text that a tool found: what it is called or says, and where on the 0 to 1000 grid."""

    label: str
    box: GridBox
    confidence: float
    turned: int | None = None
    """By how many degrees clockwise a line of text stands turned: 0, 90, 180 or 270. None for a thing."""

    @property
    def data(self) -> dict[str, Any]:
        """The same as a mapping: `label` of a thing, or `text` and `turned` of a line, `bbox`, `confidence`."""
        if self.turned is None:
            return {"label": self.label, "bbox": list(self.box), "confidence": self.confidence}
        return {"text": self.label, "bbox": list(self.box), "confidence": self.confidence, "turned": self.turned}


@dataclass(frozen=True)
class Observation:
    """A tool message: what it says, what was found and how many in all, what was made, why the call failed."""

    text: str
    found: tuple[Finding, ...]
    total: int
    made: str | None
    error: str | None
    passing: bool
    """Whether it was the infrastructure that failed: the same call may work when it is made again."""

    @property
    def failed(self) -> bool:
        """Whether there was an error."""
        return self.error is not None

    @property
    def data(self) -> list[dict[str, Any]]:
        """What was found, as mappings."""
        return [item.data for item in self.found]


def observe(message: str) -> Observation:
    """A tool message's text, taken apart."""
    parsed = shown(Message("tool", message))
    text = _FAULTS.sub("", parsed.text).strip()
    error = _ERROR.match(" ".join(text.split()))
    found = () if error else tuple(_finding(match) for match in _FINDING.finditer(text))
    total = _TOTAL.search(text)
    count = int(total[1]) if total else len(found)
    passing = error is not None and error[1] is not None
    return Observation(text, found, count, parsed.made, error[2] if error else None, passing)


def _finding(match: re.Match[str]) -> Finding:
    thing, *edges, sure = match.groups()[:6]
    if thing is not None:
        return Finding(thing, _grid(edges), float(sure))
    line, sure, *edges, down, turned = match.groups()[6:]
    return Finding(line, _grid(edges), float(sure), 180 if down else int(turned or 0))


def _grid(edges: Sequence[str]) -> GridBox:
    left, top, right, bottom = map(int, edges)
    return left, top, right, bottom


# ── comparing what was read ──────────────────────────────────────────────────────────────────────────────


def letters_of(text: str) -> str:
    """Letters and digits alone, in one case and without accents: what readings are compared by."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if sign.isalnum())


def likeness(read: str, wanted: str) -> float:
    """How alike what was read is to a text, 0 to 1; 1 where it holds the text."""
    one, other = letters_of(read), letters_of(wanted)
    if not one or not other:
        return 0.0
    return 1.0 if other in one else SequenceMatcher(None, one, other, autojunk=False).ratio()


def says(lines: Sequence[str], text: str) -> bool:
    """Whether lines that were read hold a text, a small share of misread letters allowed; any text, if it is empty."""
    least = 0.85 if len(letters_of(text)) >= 5 else 1.0
    return any(not letters_of(text) or likeness(line, text) >= least for line in [" ".join(lines), *lines] if lines)


def checkable(text: str) -> bool:
    """Whether OCR can be expected to read a text: Latin letters, digits, Chinese or Japanese, and enough of them."""
    known = [char for char in letters_of(text) if char < "\u0250" or "\u3040" <= char <= "\u9fff"]
    return len(known) >= 2 and len(known) == len(letters_of(text))
