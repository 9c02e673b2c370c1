"""The records of CanvasCraft's native layout: what a row of a dataset holds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.craft.pictures import Split

FORMAT_VERSION = 1

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

    id: str
    """`000042`: position in the order of the build."""
    split: Split = "train"
    chain: str
    """Name of its chain; `released` where none is known."""
    instruction: str
    messages: list[ChatMessage]
    images: list[str] = Field(default_factory=list)
    """Pictures in the order of the `<image>` placeholders, inputs first."""
    inputs: int = 0
    """How many of them are input pictures."""
    final: str | None = None
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

    id: str
    split: Split = "train"
    chain: str
    instruction: str
    images: list[str] = Field(default_factory=list)
    """The input pictures."""
    expected_tools: list[str] = Field(default_factory=list)
    difficulty: dict[str, str] = Field(default_factory=dict)
    """R, L and D of Table 2, measured on the task."""
    checks: list[dict[str, Any]] = Field(default_factory=list)
    criteria: list[str] = Field(default_factory=list)
    """What success means, in words."""
    gold_steps: int | None = None
    plan: dict[str, Any] | None = None
    solvability: dict[str, Any] | None = None
    """How a reference policy fared: {policy, runs, solved, mean_reward}; None where it was not tried."""
    meta: dict[str, Any] = Field(default_factory=dict)
