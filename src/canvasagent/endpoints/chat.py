"""Requests to a chat-completions endpoint: dialects, retries, back-off, accounting, error messages.

The caller writes the messages: a policy its conversation, a judge its evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from canvasagent.endpoints.address import Endpoint, LoopClients
from canvasagent.endpoints.answers import Answer, read_answer
from canvasagent.endpoints.failures import MESSAGE_CHARACTERS, Trouble, advice, is_trouble, trouble_of
from canvasagent.endpoints.settings import EndpointSettings, Usage
from canvasagent.errors import PolicyFailure

BASE_DELAY = 0.5
"""Seconds before the first retry; each further one waits twice as long, less up to half at random."""

LONGEST_BACK_OFF = 30.0
"""Seconds that a back-off lasts at most."""

LONGEST_WAIT = 120.0
"""Seconds. A server that asks to wait longer (Retry-After) is given up at once."""

BROKEN_OFF = "\n[the answer broke off and is asked for again]\n"
"""Passed to `on_text` when the pieces so far are void, before a retry."""

_log = logging.getLogger(__name__)

Gate = Callable[[], AbstractAsyncContextManager[None]]
"""Entered for the length of each request: to limit their number and rate."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Differences between servers."""

    tool_role: bool = True
    """Tool messages keep their role; else they go as user messages in `<tool_response>` tags."""
    completion_limit: bool = False
    """The limit of tokens is called `max_completion_tokens`; else `max_tokens`."""
    stream_usage: bool = True
    """`stream_options` may be sent, to get the token counts of a stream."""


class _Pieces:
    """Forwards the pieces of an answer, and reports when they are void."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._shown = False

    def __call__(self, piece: str) -> None:
        self._shown = True
        self._on_text(piece)

    def restart(self) -> None:
        """Report that the pieces so far are void, before a retry."""
        if self._shown:
            self._on_text(BROKEN_OFF)
        self._shown = False


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer with its usage."""

    answer: Answer
    usage: Usage


class ChatClient:
    """A model behind an endpoint. One object serves many conversations, threads and event loops."""

    def __init__(
        self,
        name: str,
        model: str,
        settings: EndpointSettings,
        endpoint: Endpoint,
        dialect: Dialect,
        base_delay: float = BASE_DELAY,
        gate: Gate | None = None,
    ) -> None:
        """`name` is what failures call it. `base_delay` is in seconds."""
        self.name = name
        self.model = model
        self.settings = settings
        self.endpoint = endpoint
        self.dialect = dialect
        self.clients = LoopClients(endpoint, settings.timeout)
        self._base_delay = base_delay
        self._gate: Gate = gate or contextlib.nullcontext
        self._random = random.Random()  # its own, so that nobody's seeded sequence is disturbed

    async def complete(
        self, write: Callable[[Dialect], list[dict[str, Any]]], on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """The answer to the messages that `write` makes for a dialect; streamed where `on_text` is given.

        Where a stream breaks off, `on_text` gets `BROKEN_OFF` and then the new answer from its start. Raises
        `PolicyFailure` when the server refuses, or has not answered after all retries.
        """
        show = _Pieces(on_text) if on_text else None
        dialect = self.dialect
        refused: set[Dialect] = set()
        request = await asyncio.to_thread(self._request, write, dialect, show is not None)
        retries = 0
        while True:
            async with self._gate():
                outcome = await self._ask(request, show)
            if isinstance(outcome, Answer):
                if refused:
                    _log.info("%s: the server takes %s", self.name, dialect)
                    self.dialect = dialect
                return Completion(outcome, self._usage(outcome, retries))
            other = self._other_dialect(dialect, outcome, request)
            if other and other not in refused:
                refused.add(dialect)
                dialect = other
                request = await asyncio.to_thread(self._request, write, dialect, show is not None)
                continue
            if not outcome.passing or retries >= self.settings.retries or (outcome.wait or 0) > LONGEST_WAIT:
                raise PolicyFailure(self._failure(outcome, retries))
            await self._back_off(outcome, retries)
            if show:
                show.restart()
            retries += 1

    def _request(
        self, write: Callable[[Dialect], list[dict[str, Any]]], dialect: Dialect, stream: bool
    ) -> dict[str, Any]:
        settings = self.settings
        request: dict[str, Any] = {
            "model": self.model,
            "messages": write(dialect),
            "stream": stream,
        }
        if stream and dialect.stream_usage:
            request["stream_options"] = {"include_usage": True}
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        if settings.max_tokens is not None:
            request["max_completion_tokens" if dialect.completion_limit else "max_tokens"] = settings.max_tokens
        return request

    async def _ask(self, request: dict[str, Any], on_text: Callable[[str], None] | None) -> Answer | Trouble:
        """One request. Its trouble is returned, not raised: no exception of the SDK, which holds the request and
        what the server repeats of it, is then part of a traceback."""
        try:
            async with asyncio.timeout(self.settings.timeout):
                client = await self.clients.get()
                # As `extra_body`, since the SDK otherwise walks through every message in Python: 10 ms a request.
                async with client.chat.completions.with_streaming_response.create(
                    **{**request, "messages": []}, extra_body={"messages": request["messages"]}
                ) as response:
                    return await read_answer(response, on_text)
        except Exception as error:
            if not is_trouble(error):
                raise
            return trouble_of(error, self.settings.timeout)

    def _other_dialect(self, used: Dialect, trouble: Trouble, request: dict[str, Any]) -> Dialect | None:
        """The dialect to try at once after a refusal, or None where another one would not help."""
        message = trouble.message
        template = trouble.status == 500 and any(word in message.lower() for word in ("template", "role"))
        if trouble.status not in (400, 415, 422) and not template:
            return None
        if used.stream_usage and "stream_options" in request and "stream_options" in message:
            return replace(used, stream_usage=False)
        if not used.completion_limit and "max_completion_tokens" in message and "max_tokens" in request:
            return replace(used, completion_limit=True)
        if used.completion_limit and "max_completion_tokens" in message and "max_completion_tokens" in request:
            return replace(used, completion_limit=False)
        # Servers word this refusal in many ways ("invalid JSON request" is one), so any refusal may be it.
        has_tool_messages = any(message["role"] == "tool" for message in request["messages"])
        if has_tool_messages and self.settings.tool_pictures == "auto" and not trouble.too_long:
            return replace(used, tool_role=False)
        return None

    async def _back_off(self, trouble: Trouble, retries: int) -> None:
        pause = min(LONGEST_BACK_OFF, self._base_delay * 2**retries) * self._random.uniform(0.5, 1.0)
        if trouble.wait is not None:
            pause += trouble.wait  # the pause spreads those who were all told the same time
        why = self.endpoint.scrub(trouble.message)[:MESSAGE_CHARACTERS]
        _log.info("%s: %s; retry %d of %d in %.1f s", self.name, why, retries + 1, self.settings.retries, pause)
        await asyncio.sleep(pause)

    def _failure(self, trouble: Trouble, retries: int) -> str:
        message = self.endpoint.scrub(trouble.message)
        if len(message) > MESSAGE_CHARACTERS:
            message = message[: MESSAGE_CHARACTERS - 1] + "…"
        status = f"status {trouble.status}: " if trouble.status else ""
        tries = f" after {retries + 1} tries" if retries else ""
        wait = f" It asks to wait {trouble.wait:.0f} s." if (trouble.wait or 0) > LONGEST_WAIT else ""
        where = self.endpoint.url
        return f"{self.name} at {where} gave no answer{tries} ({status}{message}).{wait} " + advice(
            trouble, self.model, where, self.endpoint.key_names
        )

    def _usage(self, answer: Answer, retries: int) -> Usage:
        taken, made = answer.input_tokens, answer.output_tokens
        prices = (self.settings.input_price, self.settings.output_price)
        cost = None
        if taken is not None and made is not None and prices[0] is not None and prices[1] is not None:
            cost = (taken * prices[0] + made * prices[1]) / 1_000_000
        return Usage(taken, made, cost, retries)
