"""Failures of endpoints: which are temporary, and advice about the others."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PASSING = frozenset({408, 409, 429})
"""Status codes below 500 that are worth a retry; of 5xx all are, except for 501 and 505."""

MESSAGE_CHARACTERS = 300
"""Most characters of a server's message in ours."""

_TRANSPORT = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})
_NO_CREDIT = re.compile(r"insufficient_quota|billing|credit balance", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|too many (input )?tokens|maximum.{0,20}tokens|prompt is too long|too large",
    re.IGNORECASE,
)


@dataclass(eq=False)
class Trouble(Exception):
    """A request that was not answered."""

    message: str
    """The server's message, or what happened; one line."""
    status: int | None = None
    """HTTP status, where the server answered at all."""
    wait: float | None = None
    """Seconds that the server asks to wait."""

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered when it is made again."""
        if self.status is None:
            return True
        if self.status == 429 and _NO_CREDIT.search(self.message):
            return False
        return self.status in PASSING or (self.status >= 500 and self.status not in (501, 505))

    @property
    def too_long(self) -> bool:
        """Whether the request was refused for its length."""
        return self.status == 413 or (self.status in (400, 422, 500) and bool(_TOO_LONG.search(self.message)))


def is_trouble(error: Exception) -> bool:
    """Whether `error` came from the endpoint or the way there, rather than from a mistake on this side.

    The SDK does not wrap every exception of the HTTP library under it, which is httpx or httpx2 by its version.
    """
    from openai import APIError

    if isinstance(error, Trouble | APIError | TimeoutError):
        return True
    return any(base.__module__.partition(".")[0] in _TRANSPORT for base in type(error).__mro__)


def trouble_of(error: Exception, seconds: float) -> Trouble:
    """What an error of which `is_trouble` holds means. `seconds` is the time-out."""
    from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

    if isinstance(error, Trouble):
        return error
    if isinstance(error, TimeoutError | APITimeoutError):
        return Trouble(f"no complete answer within {seconds:g} s")
    if isinstance(error, APIConnectionError):
        cause = error.__cause__ or error
        return Trouble(f"no connection: {one_line(str(cause)) or type(cause).__name__}")
    if isinstance(error, APIStatusError):
        return Trouble(words(error.body) or "no reason given", error.status_code, retry_after(error.response.headers))
    if isinstance(error, APIError):  # an error told in the middle of a stream
        return Trouble(words(error.body) or one_line(error.message), status_of(error.body))
    return Trouble(f"{type(error).__name__}: {one_line(str(error))}")


def words(body: object) -> str:
    """The message of an error body in common formats: {error: {message}}, {message}, {detail} or bare text."""
    if isinstance(body, Mapping):
        for key in ("message", "detail", "error"):
            if body.get(key):
                code = body.get("code")
                message = words(body[key])
                return f"{message} ({code})" if isinstance(code, str) and code and code not in message else message
    return one_line(body if isinstance(body, str) else "" if body is None else repr(body))


def status_of(body: object) -> int | None:
    """The HTTP status that an error object tells in its `code`, as gateways do inside of a 200 answer."""
    code: Any = body.get("code") if isinstance(body, Mapping) else None
    try:
        return int(code) if 400 <= int(code) <= 599 else None
    except (TypeError, ValueError):
        return None


def one_line(text: str) -> str:
    """`text` without markup and line breaks."""
    return " ".join(re.sub(r"<(style|script).*?</\1>|<[^>]{1,200}>", " ", text, flags=re.DOTALL).split())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers ask to wait: `retry-after-ms`, or `retry-after` as seconds or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit
        except ValueError:
            date = email.utils.parsedate_tz(value)
            seconds = email.utils.mktime_tz(date) - time.time() if date else -1.0
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def advice(trouble: Trouble, model: str, base_url: str, key_names: str | None) -> str:
    """Advice about `trouble`, in a sentence. `key_names`: variables of its key; None: it gets no key."""
    status = trouble.status
    if trouble.too_long:
        return (
            "The conversation is too long for the model: allow fewer turns, show smaller pictures (view_pixels), "
            "or serve the model with a larger context."
        )
    if status in (401, 403) and key_names is None:
        return "No key was sent: a server that only a record names gets none. Name it with --base-url to send yours."
    if status in (401, 403):
        return f"Check the key: set {key_names} to one that this server accepts."
    if status == 404:
        return f"Check the model name '{model}' and the base URL, which usually ends in /v1."
    if status == 402 or (status == 429 and not trouble.passing):
        return "The account has no credit left."
    if status == 429:
        return "The server limits the rate: run fewer episodes at once, or allow more retries."
    if status is None:
        return f"Check that the server at {base_url} is up and reachable, or allow a longer time-out or more retries."
    if status >= 500:
        return "The server failed; its log says why."
    return "The server does not take such a request; its documentation or log says why."
