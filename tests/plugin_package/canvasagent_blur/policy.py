"""A policy that blurs, mirrors and ends, whatever it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from canvasagent.policies.base import PolicySettings, Reply
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.turns import ToolCall, render_turn


class Blurrer:
    """Two calls, then the end; which comes next is read from the conversation."""

    def __init__(self, amount: int) -> None:
        self.name = f"blurrer:{amount}"
        self.amount = amount

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn."""
        turn = sum(message.role == "assistant" for message in messages)
        calls = (ToolCall("Blur", {"amount": self.amount}), ToolCall("Flip", {"image": "SoftBlur_0"}))
        return Reply(render_turn("Softer is better.", calls[turn]) if turn < len(calls) else render_turn("Done."))


def create(argument: str | None, settings: PolicySettings) -> Blurrer:
    """The policy `blurrer:AMOUNT`."""
    return Blurrer(int(argument or 2))
