"""`<image>` stands in messages for a picture; the same word in somebody's text must not."""

from __future__ import annotations

from collections.abc import Iterable

from canvasagent.craft.records import ChatMessage

PLACEHOLDER = "<image>"
_IN_TEXT, _IN_JSON = "&lt;image&gt;", "\\u003cimage>"
_CALL = "<tool_call>"


def placeholders(messages: Iterable[ChatMessage]) -> int:
    """How many pictures the messages stand for."""
    return sum(message.content.count(PLACEHOLDER) for message in messages)


def escaped(text: str) -> str:
    """`text` (a request, an observation, an assistant's turn) without the placeholder: `&lt;image&gt;` instead.

    Inside the JSON of a tool call it becomes `\\u003cimage>`, so that the argument stays what it was.
    """
    head, call, body = text.partition(_CALL)
    return head.replace(PLACEHOLDER, _IN_TEXT) + call + body.replace(PLACEHOLDER, _IN_JSON if call else _IN_TEXT)


def content(text: str, pictures: int = 0) -> str:
    """A message's content: its pictures' placeholders, then its text."""
    return f"{PLACEHOLDER}\n" * pictures + escaped(text)
