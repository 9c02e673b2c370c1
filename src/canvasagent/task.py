"""A task: an instruction, its pictures, and how the result may be checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from canvasagent.canvas import Asset
from canvasagent.errors import InputError
from canvasagent.storage.foreign_json import is_whole

MAX_INSTRUCTION = 20_000
"""Most characters of an instruction."""

_WORDS_WANTED = re.compile(
    r"\?"
    r"|\b(?:what|where|who|which|how (?:many|much|big))\b"
    r"|^\W*(?:please\s+)?(?:can you |could you )?"
    r"(?:read|find|locate|count|list|detect|identify|tell|recogni[sz]e|ocr)\b"
    # Further on in a request only an order that leaves no doubt: "then make out the lettering for me".
    r"|\b(?:(?<!can )(?<!able to )read|transcribe|recite|quote|decipher|reproduce|extract|list|report"
    r"|(?:note|jot|write) down|copy (?:out|down)|(?:read|make|type|spell) out|(?:read|get|give|hand|tell|send|show) me)"
    r" (?:(?:all|any|every|each|the|its|this|that|these|those) ){0,3}(?:\w+ )?"
    r"(?:text|words?|wording|lettering|writing|letters)\b"
    r"|\b(?:transcript|transcription|run (?:ocr|text recognition)|(?:note|jot|write) down whatever)\b",
    re.IGNORECASE,
)
_READING = re.compile(
    r"\b(?:say|says|read|reads|text|texts|words?|wording|written|writing|letters?|lettering|ocr|transcri\w+)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[.?!;]|,? then\b|\band then\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks for in words."""

    reading: bool
    """Whether it asks for written text, and not for places or numbers."""
    first: bool
    """Whether the question comes before any other order, and so is about the input pictures."""


def question_in(instruction: str) -> Question | None:
    """The question of a request: a question, or an order to read or find; None if there is none."""
    match = _WORDS_WANTED.search(instruction)
    if match is None:
        return None
    end = _CLAUSE_END.search(instruction)
    clause_end = end.end() if end is not None else len(instruction)
    return Question(bool(_READING.search(instruction)), match.start() < clause_end < len(instruction.rstrip()))


@dataclass(frozen=True)
class Carried:
    """The canvas of a finished run that a new request continues."""

    run: str
    """Id of that run."""
    assets: tuple[Asset, ...]
    inputs: int
    """Number of its input pictures."""
    result: str | None
    """Id of that run's result."""


@dataclass(frozen=True)
class Task:
    """A request. `images` are paths, bytes or decoded pictures; they become `img_1`, `img_2`, … in order."""

    instruction: str
    images: Sequence[str | Path | bytes | Image.Image] = ()
    id: str | None = None
    expected_tools: tuple[str, ...] | None = None
    """Wire names of the tools that a good run uses, in order."""
    difficulty: dict[str, str] = field(default_factory=dict)
    """R, L and D of the paper's Table 2."""
    checks: tuple[dict[str, Any], ...] = ()
    """Verifiable statements on the result, as data."""
    carried: Carried | None = None
    system_prompt: str | None = None
    """System prompt that the task brings along; None for the one that is made of the tools' definitions."""

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise InputError("the request is empty; say what to make or change.")
        if len(self.instruction) > MAX_INSTRUCTION:
            count = len(self.instruction)
            raise InputError(f"the request has {count:,} characters; at most {MAX_INSTRUCTION:,} are taken.")
        values = [self.instruction, self.id, self.system_prompt, self.expected_tools, self.difficulty, self.checks]
        if not is_whole(values):
            raise InputError("the request or its checks hold half of a character (a lone surrogate); write it whole.")

    def __repr__(self) -> str:
        request = self.instruction if len(self.instruction) <= 80 else self.instruction[:77] + "..."
        return f"Task({request!r}, images={len(self.images)})"

    @property
    def wants_words(self) -> bool:
        """Whether the request asks for words: a question, or an order to read or find."""
        return question_in(self.instruction) is not None
