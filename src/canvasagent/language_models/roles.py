"""Messages in a form that a model's chat template can render, with no text that its tokenizer takes for control tokens.

Some templates know neither a system nor a tool message: they raise, or leave it out in silence. What such a template
cannot render becomes a part of the user's messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from canvasagent.protocol.conversation import Message

if TYPE_CHECKING:
    from canvasagent.language_models.load import LanguageModel


def readable(model: LanguageModel, messages: Sequence[Message]) -> list[Message]:
    """`messages` as the model's template can render them, without control tokens in their texts."""
    known = model.rendered_roles
    made: list[Message] = []
    waiting: list[Message] = []
    for message in messages:
        message = replace(message, text=without_control_tokens(model, message.text))
        if message.role == "tool" and "tool" not in known:
            message = replace(message, role="user", text=f"<tool_response>\n{message.text}\n</tool_response>")
        if message.role == "system" and "system" not in known:
            waiting.append(message)
            continue
        if message.role == "user" and waiting:
            message = replace(message, text="\n\n".join([*(one.text for one in waiting), message.text]))
            waiting = []
        made.append(message)
    return [*made, *(replace(message, role="user") for message in waiting)]


def without_control_tokens(model: LanguageModel, text: str) -> str:
    """`text` with a space in whatever the tokenizer would take for a control token: what a picture says, a user writes
    or a tool reads must not open or close a message.
    """
    for token in model.control_tokens:
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
