"""Events of a run for live views and progress bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from canvasagent.canvas import Asset
from canvasagent.record.model import TurnRecord
from canvasagent.record.trajectory import Trajectory


@dataclass(frozen=True)
class Event:
    """An event of a run."""

    kind: Literal["started", "text", "replied", "observed", "finished"]
    trajectory: Trajectory
    turn: TurnRecord | None = None
    """The completed turn (`observed`)."""
    asset: Asset | None = None
    """The picture that the turn made."""
    text: str = ""
    """A streamed piece of the policy's text (`text`), or all of it before it is executed (`replied`)."""


Listener = Callable[[Event], None]
