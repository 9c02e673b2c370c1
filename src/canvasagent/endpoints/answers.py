"""Reads the answers of chat-completions servers, whole or streamed, and trusts none of their content."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from canvasagent.endpoints.failures import Trouble, is_trouble, status_of, words


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer and its token counts, None if the server does not send them."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish: str | None = None
    """The finish reason of the server: `stop`, `length`, `content_filter`."""
    model: str | None = None
    """The server's name of the model."""


async def read_answer(response: Any, on_text: Callable[[str], None] | None) -> Answer:
    """The answer in an SDK response that was opened with `with_streaming_response`.

    A server that was asked to stream and sends one JSON body is understood too. Raises `Trouble` for a body that
    is no answer; a connection lost on the way raises whatever the SDK or the HTTP library under it raises.
    """
    if on_text and "json" not in response.headers.get("content-type", ""):
        return await _read_stream(response, on_text)
    body = await response.read()
    try:
        answer = _read_body(json.loads(body))
    except ValueError as error:
        raise Trouble("the answer is not JSON") from error
    if on_text:
        on_text(answer.text)
    return answer


def _read_body(body: object) -> Answer:
    if not isinstance(body, Mapping):
        raise Trouble("the answer is not a JSON object")
    if body.get("error"):
        raise Trouble(words(body), status_of(body["error"]))
    choice = _first_choice(body)
    if choice is None:
        raise Trouble("the answer has no choices")
    message = _mapping(choice.get("message"))
    text = _text(message.get("content")) or _text(message.get("refusal")) or _thoughts(message)
    return _answer(text, choice.get("finish_reason"), body.get("usage"), body.get("model"))


async def _read_stream(response: Any, on_text: Callable[[str], None]) -> Answer:
    """A stream without a finish reason is incomplete, even if it was closed properly."""
    pieces: list[str] = []
    refusal = thoughts = ""
    finish: object = None
    usage: object = None
    model: object = None
    try:
        async for chunk in _chunks(response):
            usage = chunk.get("usage") or usage
            model = chunk.get("model") or model
            choice = _first_choice(chunk) or {}
            finish = choice.get("finish_reason") or finish
            delta = _mapping(choice.get("delta"))
            refusal += _text(delta.get("refusal"))
            thoughts += _thoughts(delta)
            if piece := _text(delta.get("content")):
                pieces.append(piece)
                on_text(piece)
    except Exception as error:
        if finish is None or not is_trouble(error):
            raise
    if finish is None:
        raise Trouble("the stream ended before the answer was complete")
    answer = _answer("".join(pieces) or refusal or thoughts, finish, usage, model)
    if answer.text and not pieces:
        on_text(answer.text)
    return answer


async def _chunks(response: Any) -> AsyncIterator[Mapping[str, Any]]:
    """The stream's events; a generator, so that nothing which `on_text` raises is taken for the server's."""
    try:
        async for chunk in await response.parse():
            if not hasattr(chunk, "to_dict"):
                raise Trouble("the stream holds something that is no answer")
            yield chunk.to_dict(warnings=False)
    except ValueError as error:
        raise Trouble("the stream holds something that is not JSON") from error


def _answer(text: str, finish: object, usage: object, model: object) -> Answer:
    """Raises `Trouble` for an empty answer, unless the limit of tokens explains it."""
    if not text and finish != "length":
        hint = "; turn the server's tool-call parser off" if finish == "tool_calls" else ""
        raise Trouble(f"the answer is empty (finish_reason {finish}{hint})")
    counts = _mapping(usage)
    taken, made = _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))
    return Answer(text, taken, made, _text(finish) or None, _text(model) or None)


def _first_choice(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choices = body.get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None


def _text(content: object) -> str:
    """Content as text: a string, or a list of parts of which those of type `text` count."""
    if isinstance(content, list):
        return "".join(_text(_mapping(part).get("text")) for part in content)
    return content if isinstance(content, str) else ""


def _thoughts(message: Mapping[str, Any]) -> str:
    """A reasoning model's thoughts. They are the answer only where there is no other: a server whose reasoning
    parser found no end to the thoughts puts the whole turn there, action included."""
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
