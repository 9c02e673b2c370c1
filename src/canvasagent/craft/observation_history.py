"""The observations of a run so far, parsed from its conversation, and the sizes of its pictures.

The gold policy has no state of its own between turns; this is all that it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from canvasagent.imaging.geometry import Size
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.observation_parser import Observation, likeness, observe
from canvasagent.record.trajectory import Trajectory

ALIKE = 0.8
"""Least likeness of a read text to the expected one."""


@dataclass(frozen=True)
class ObservationHistory:
    """A run so far: its observations in order, and the size of every picture by id."""

    observations: tuple[Observation, ...]
    sizes: dict[str, Size] = field(default_factory=dict)


def history_of_messages(messages: Sequence[Message]) -> ObservationHistory:
    """The history in a conversation, since its last user message."""
    start = max((index for index, message in enumerate(messages) if message.role == "user"), default=0)
    sizes = {asset.id: asset.size for message in messages for asset in message.assets}
    return ObservationHistory(
        tuple(observe(message.text) for message in messages[start:] if message.role == "tool"), sizes
    )


def history_of_trajectory(trajectory: Trajectory) -> ObservationHistory:
    """The history in a run's record."""
    texts = [turn.observation for turn in trajectory.turns if turn.observation is not None]
    return ObservationHistory(
        tuple(observe(text) for text in texts), {asset.id: asset.size for asset in trajectory.assets}
    )


def says(data: Sequence[dict[str, Any]], text: str) -> bool:
    """Whether the lines that OCR read hold a text, in one line or over several."""
    lines = [str(item.get("text", "")) for item in data]
    return any(likeness(line, text) >= ALIKE for line in [*lines, " ".join(lines)])
