"""What a run tells those who watch it: the command line's live view, the studio, progress bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from canvasagent.canvas import Asset
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for whoever watches it."""

    kind: Literal["started", "text", "replied", "observed", "finished"]
    trajectory: Trajectory
    turn: TurnRecord | None = None
    """The turn that was taken (`observed`)."""
    asset: Asset | None = None
    """What it made."""
    text: str = ""
    """A piece of the policy's text as it comes (`text`), or all of it before it is acted on (`replied`)."""


Listener = Callable[[Event], None]
