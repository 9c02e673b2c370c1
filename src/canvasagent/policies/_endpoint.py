"""Where a chat-completions server is and how to get in, and the SDK's client for each event loop."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from canvasagent.errors import InputError
from canvasagent.policies.base import PolicySettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent as key to a server that needs none."""


@dataclass(frozen=True)
class Endpoint:
    """A server's address and key. Neither key nor password shows in its `repr`."""

    url: str = field(repr=False)
    """Base URL without user and password."""
    key: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    """Headers beside the key's: basic authorisation, where the URL held a user and password."""
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def public_url(self) -> str:
        """The address as it may be shown and recorded: without user, password, query and fragment."""
        return urlunsplit((*urlsplit(self.url)[:3], "", ""))

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own service."""
        return urlsplit(self.url).hostname == "api.openai.com"

    def scrub(self, text: str) -> str:
        """`text` without the key and the password, should a server have repeated them."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def endpoint_of(settings: PolicySettings) -> Endpoint:
    """The endpoint that `settings` and the environment name.

    Base URL: `settings.base_url`, OPENAI_BASE_URL, OpenAI's own. Key: `settings.api_key`, CANVASAGENT_API_KEY,
    OPENAI_API_KEY, or none where a base URL is given. Raises `InputError` for a bad URL or a missing key.
    """
    given = settings.base_url or os.environ.get("OPENAI_BASE_URL", "").strip()
    candidates = (settings.api_key, os.environ.get("CANVASAGENT_API_KEY"), os.environ.get("OPENAI_API_KEY"))
    key = next((key.strip() for key in candidates if key and key.strip()), "")
    if not key and not given:
        raise InputError(
            "no key for OpenAI's service: set CANVASAGENT_API_KEY or OPENAI_API_KEY, "
            "or give the base URL of a server that needs none (http://localhost:8000/v1)."
        )
    if not (key or NO_KEY).isascii() or any(character.isspace() for character in key):
        raise InputError("the key holds a space or a character that no key has; copy it again.")
    parts = urlsplit(given or OPENAI_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("the base URL must be complete, as in http://localhost:8000/v1.")
    headers: dict[str, str] = {}
    secrets = [key] if key else []
    user, at, host = parts.netloc.rpartition("@")
    if at:
        pair = base64.b64encode(unquote(user).encode()).decode("ascii")
        headers["Authorization"] = f"Basic {pair}"
        secrets += [pair, user, *filter(None, [user.partition(":")[2], unquote(user.partition(":")[2])])]
    url = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    return Endpoint(url, key or NO_KEY, headers, tuple(sorted(secrets, key=len, reverse=True)))


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
        )
        try:
            yield client
        finally:
            self._held.pop(loop, None)
            await client.close()
