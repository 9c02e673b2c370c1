"""What a policy reads: messages of text and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from canvasagent.canvas import Asset


@dataclass(frozen=True)
class Message:
    """One message. Its pictures come before its text, in this order (PROTOCOL: a turn)."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    assets: tuple[Asset, ...] = ()
