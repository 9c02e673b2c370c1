"""The records of CanvasCraft's native layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.craft.pictures import Split
from canvasagent.storage.foreign_json import dig, list_in
from canvasagent.storage.names import PlainName
from canvasagent.task import Task

FORMAT_VERSION = 1

MAX_COUNT = 2**31 - 1
"""Largest value of the columns of counts."""

Kind = Literal["sft", "rl"]


class Row(BaseModel):
    """Base of both kinds of record: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class ChatMessage(Row):
    """A message; `<image>` stands in the text for the next of the record's images."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class SftRecord(Row):
    """d = (Q, I, τ, I_final): an executed trajectory. Pictures are named by the hash of their decoded pixels."""

    id: PlainName
    """`000042`: position in the order of the build."""
    split: Split = "train"
    chain: str
    """Name of its chain; `released` where none is known."""
    instruction: str
    messages: list[ChatMessage]
    images: list[PlainName] = Field(default_factory=list)
    """Pictures in the order of the `<image>` placeholders, inputs first."""
    inputs: int = Field(default=0, ge=0, le=MAX_COUNT)
    """Number of input pictures."""
    final: PlainName | None = None
    """The result."""
    answer: str | None = None
    tools: list[str] = Field(default_factory=list)
    """Wire names of the calls, in order."""
    difficulty: dict[str, str] = Field(default_factory=dict)
    checks: list[dict[str, Any]] = Field(default_factory=list)
    trajectory: dict[str, Any] | None = None
    """The whole record of the run (`Trajectory`), None where it was imported without one."""
    plan: dict[str, Any] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)
    """Source, writer, seed, profile, recovery and verification marks; of imports every field that has no place here."""


class RlRecord(Row):
    """A task specification."""

    id: PlainName
    split: Split = "train"
    chain: str
    instruction: str
    images: list[PlainName] = Field(default_factory=list)
    """The input pictures."""
    expected_tools: list[str] = Field(default_factory=list)
    difficulty: dict[str, str] = Field(default_factory=dict)
    """R, L and D of Table 2, measured on the task."""
    checks: list[dict[str, Any]] = Field(default_factory=list)
    criteria: list[str] = Field(default_factory=list)
    """What success means, in words."""
    gold_steps: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    plan: dict[str, Any] | None = None
    solvability: dict[str, Any] | None = None
    """The results of a reference policy: {policy, runs, solved, mean_reward}; None if it was not tried."""
    meta: dict[str, Any] = Field(default_factory=dict)


def task_of(record: RlRecord, pictures: Sequence[bytes], system_prompt: str | None = None) -> Task:
    """The task that a specification describes, with its pictures. Raises `InputError` for one that cannot be asked."""
    return Task(
        record.instruction,
        tuple(pictures),
        record.id,
        tuple(record.expected_tools) or None,
        dict(record.difficulty),
        checks=tuple(record.checks),
        system_prompt=system_prompt,
    )


def trajectory_pictures(record: SftRecord) -> list[str]:
    """Hashes of the pictures that the record's trajectory names, as far as it can be read."""
    hashes = [dig(asset, "pixel_hash") for asset in list_in(record.trajectory, "assets")]
    return [key for key in hashes if isinstance(key, str) and key]


def number_of(record: SftRecord | RlRecord) -> int | None:
    """The record's position in its build, as its id says it; None for an id that says none."""
    return int(record.id) if record.id.isascii() and record.id.isdecimal() and len(record.id) < 19 else None
