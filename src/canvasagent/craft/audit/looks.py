"""One record looked at: is it what it says it is, does all that it names exist, and how does it run again today."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.canvas import pixel_hash
from canvasagent.craft.difficulty import LEVELS, measure, of_diversity, of_length
from canvasagent.craft.placeholders import placeholders
from canvasagent.craft.plan import Plan
from canvasagent.craft.records import RlRecord, SftRecord, trajectory_pictures
from canvasagent.craft.sources.duplicates import fingerprint
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.layout import Record
from canvasagent.errors import InputError, StorageError
from canvasagent.rewards.checks import read_check
from canvasagent.tools import find_tool

Trouble = Literal["store", "schema", "reference", "duplicate", "leak", "drift"]
TROUBLES: dict[Trouble, str] = {
    "store": "files that are not as they were written",
    "schema": "records that break the form: roles, calls, arguments, tools, difficulty, checks",
    "reference": "names of pictures or assets that do not exist, or are not what the name says",
    "duplicate": "the same request of the same pictures twice, or pictures that are nearly another one's",
    "leak": "pictures that two splits share, wholly or nearly",
    "drift": "steps that come out differently when they are taken again",
}
"""What an audit looks for."""


class AuditFinding(BaseModel):
    """Something that is wrong."""

    model_config = ConfigDict(extra="forbid")

    trouble: Trouble
    where: str
    """Id of the record, or the file."""
    words: str


class StepAgain(BaseModel):
    """A step that was taken again."""

    model_config = ConfigDict(extra="forbid")

    tool: str
    number: int
    outcome: bool = False
    """It went through then and not now, or the other way round, or made something else."""
    pixels: bool = False
    observation: bool = False
    inherited: bool = False
    """A picture that it works on had come out differently already."""
    mean: float | None = None
    """Mean difference of the pixels, 0 to 255, where they can be compared."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.outcome or self.pixels or self.observation)


class Look(BaseModel):
    """What was seen of one record; a line of the progress file."""

    model_config = ConfigDict(extra="forbid")

    index: int
    id: str
    split: str
    request: str
    """Hash of the request and its input pictures."""
    wording: str
    """Hash of the request's words alone."""
    inputs: list[str] = Field(default_factory=list)
    """Hashes of the input pictures."""
    fingerprints: list[str] = Field(default_factory=list)
    """Their perceptual hashes."""
    calls: int = 0
    request_words: int = 0
    reason_words: list[int] = Field(default_factory=list)
    sides: list[int] = Field(default_factory=list)
    """Longer sides of its pictures in pixels."""
    found: list[AuditFinding] = Field(default_factory=list)
    steps: list[StepAgain] | None = None
    """None where it was not run again."""


def look_at(index: int, record: Record, dataset: Dataset) -> Look:
    """Look at a record without running anything."""
    inputs = record.images[: record.inputs] if isinstance(record, SftRecord) else record.images
    tools = record.tools if isinstance(record, SftRecord) else record.expected_tools
    wording = " ".join(record.instruction.lower().split())
    look = Look(
        index=index,
        id=record.id,
        split=record.split,
        request=_short_hash("\n".join([wording, *inputs])),
        wording=_short_hash(wording),
        inputs=list(inputs),
        calls=len(tools),
        request_words=len(record.instruction.split()),
    )
    finder = _Finder(look)
    if not record.instruction.strip():
        finder.add("schema", "the request is empty.")
    _look_at_pictures(record, dataset, look, finder)
    _look_at_levels(record, tools, finder)
    for check in record.checks:
        try:
            read_check(check)
        except InputError as error:
            finder.add("schema", f"a check cannot be read: {error}")
    for name in dict.fromkeys(tools):
        if find_tool(name) is None:
            finder.add("schema", f"there is no tool '{name}'.")
    if isinstance(record, SftRecord):
        from canvasagent.craft.audit.turns import look_at_turns

        look.reason_words = look_at_turns(record, dataset, finder.add)
    return look


class _Finder:
    """Collects what is wrong with a record."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def add(self, trouble: Trouble, words: str) -> None:
        """Note one thing."""
        self._look.found.append(AuditFinding(trouble=trouble, where=self._look.id, words=words))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def _look_at_pictures(record: Record, dataset: Dataset, look: Look, finder: _Finder) -> None:
    named = [*record.images, *([record.final] if isinstance(record, SftRecord) and record.final else [])]
    if isinstance(record, SftRecord):
        if (count := placeholders(record.messages)) != len(record.images):
            finder.add("reference", f"{count} placeholders for {len(record.images)} pictures.")
        if record.inputs > len(record.images):
            finder.add("reference", f"{record.inputs} input pictures, of {len(record.images)}.")
        named += trajectory_pictures(record)
    for key in dict.fromkeys(named):
        try:
            picture = dataset.picture(key)
        except StorageError as error:
            finder.add("reference", str(error))
            continue
        if pixel_hash(picture) != key:
            finder.add("reference", f"picture {key[:12]}… does not have the pixels that its name says.")
        look.sides.append(max(picture.size))
        if key in look.inputs:
            look.fingerprints.append(f"{fingerprint(picture):064x}")


def _look_at_levels(record: SftRecord | RlRecord, tools: list[str], finder: _Finder) -> None:
    """Difficulty as the record says it, and as Table 2 measures it on the plan (L and D on the calls without one)."""
    if not record.difficulty:
        return
    if odd := {axis: level for axis, level in record.difficulty.items() if axis not in "RLD" or level not in LEVELS}:
        finder.add("schema", f"difficulty {odd} is none of R, L, D by {', '.join(LEVELS)}.")
        return
    if record.plan is not None:
        try:
            measured = measure(Plan.model_validate(record.plan))
        except (ValidationError, ValueError) as error:
            finder.add("schema", f"the plan cannot be read: {str(error).splitlines()[0]}")
            return
    else:
        measured = {"L": of_length(len(tools)), "D": of_diversity(tools)}
    for axis, level in measured.items():
        if record.difficulty.get(axis, level) != level:
            finder.add("schema", f"{axis} is {record.difficulty[axis]}, measured {level}.")


__all__ = ["TROUBLES", "AuditFinding", "Look", "StepAgain", "Trouble", "look_at"]
