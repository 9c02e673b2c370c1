"""Address and key of a chat-completions server, and the SDK's client for each event loop."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from canvasagent.endpoints.settings import EndpointSettings
from canvasagent.errors import InputError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""The placeholder key for a server that needs none."""

_PORTS = {"http": 80, "https": 443}
_SECRET_NAME = re.compile(r"key|token|secret|signature|password", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """A server's address and key. Neither key nor password shows in its `repr`."""

    url: str
    """Base URL without user, password and query: fit to be shown and recorded."""
    query: dict[str, str]
    """Query of the base URL, sent with each request."""
    key: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    """Headers beside the key's: basic authorisation, where the URL held a user and password."""
    secrets: tuple[str, ...] = field(repr=False)
    key_names: str | None = "CANVASAGENT_API_KEY (or OPENAI_API_KEY)"
    """The variables that hold the key, as messages name them; None where the settings say that no key is sent."""

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own service."""
        return urlsplit(self.url).hostname == "api.openai.com"

    def scrub(self, text: str) -> str:
        """`text` without the key and the password, should a server have repeated them."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def endpoint_of(settings: EndpointSettings, own_url: str | None = None, own_key: str | None = None) -> Endpoint:
    """The endpoint that `settings` and the environment name.

    Base URL: `settings.base_url`, OPENAI_BASE_URL, OpenAI's own. Key: `settings.api_key`, CANVASAGENT_API_KEY,
    OPENAI_API_KEY, or none where a base URL is given. `own_url` and `own_key` are variables that come before
    these (a judge's, say). Raises `InputError` for a bad URL or a missing key.
    """
    url_names = [*filter(None, [own_url]), "OPENAI_BASE_URL"]
    key_names = [*filter(None, [own_key]), "CANVASAGENT_API_KEY", "OPENAI_API_KEY"]
    base_url = _first(settings.base_url, *map(os.environ.get, url_names))
    key = _first(settings.api_key, *map(os.environ.get, key_names))
    if not key and not base_url:
        raise InputError(
            f"no key for OpenAI's service: set {' or '.join(key_names)}, "
            "or give the base URL of a server that needs none (http://localhost:8000/v1)."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("the key holds a space or a character that no key has; copy it again.")
    parts = _split(base_url or OPENAI_URL)
    headers: dict[str, str] = {}
    secrets = [key]
    if user := parts.netloc.rpartition("@")[0]:
        pair = base64.b64encode(unquote(user).encode()).decode("ascii")
        headers["Authorization"] = f"Basic {pair}"
        secrets += [pair, user, user.partition(":")[2], unquote(user.partition(":")[2])]
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if any(_SECRET_NAME.search(name) for name in query):
        raise InputError(f"the base URL holds a key in its query, which would end up in logs; set {key_names[0]}.")
    url = _bare(parts)
    hidden = tuple(sorted(filter(None, secrets), key=len, reverse=True))
    key_variables = None if settings.api_key == NO_KEY else f"{key_names[0]} (or {' or '.join(key_names[1:])})"
    return Endpoint(url, query, key or NO_KEY, headers, hidden, key_variables)


def general_address() -> str:
    """The default base URL in the form of records: OPENAI_BASE_URL, else OpenAI's own.

    Raises `InputError` where OPENAI_BASE_URL is no URL.
    """
    return _bare(_split(_first(os.environ.get("OPENAI_BASE_URL")) or OPENAI_URL))


def same_address(one: str, other: str) -> bool:
    """Whether two base URLs mean the same server and path; an invalid URL equals none."""
    try:
        places = [
            (parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], parts.path.rstrip("/"))
            for parts in map(_split, (one, other))
        ]
    except InputError:
        return False
    return places[0] == places[1]


def _bare(parts: SplitResult) -> str:
    """The URL without user, password, query and fragment."""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _first(*candidates: str | None) -> str:
    """The first that is neither missing nor blank; an empty string where there is none."""
    return next((text.strip() for text in candidates if text and text.strip()), "")


def _split(url: str) -> SplitResult:
    """The parts of a base URL. The error does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # a port or an address that is none; told below
        pass
    raise InputError("the base URL must be complete, as in http://localhost:8000/v1.")


class LoopClients:
    """One SDK client for each running event loop, so that turns share connections and no loop sees another's.

    A client lives in an asynchronous generator, which a loop finalises when it shuts down (`asyncio.run` does so):
    the connections are closed then, without anyone having to close the policy.
    """

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._held: dict[asyncio.AbstractEventLoop, tuple[AsyncOpenAI, AsyncGenerator[AsyncOpenAI, None]]] = {}

    def __len__(self) -> int:
        return len(self._held)

    async def get(self) -> AsyncOpenAI:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            for closed in [other for other in list(self._held) if other.is_closed()]:
                self._held.pop(closed, None)
            keeper = self._keep(loop)
            self._held[loop] = (await anext(keeper), keeper)  # the keeper never waits, so nothing comes between
        return self._held[loop][0]

    async def _keep(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[AsyncOpenAI, None]:
        from openai import AsyncOpenAI

        endpoint = self._endpoint
        client = AsyncOpenAI(
            api_key=endpoint.key,
            base_url=endpoint.url,
            timeout=self._timeout,
            max_retries=0,
            default_headers=endpoint.headers,
            default_query=endpoint.query,
        )
        try:
            yield client
        finally:
            self._held.pop(loop, None)
            await client.close()
