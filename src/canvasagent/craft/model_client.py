"""The client of a writer's endpoint: settings, retries, replies that must be JSON with a certain field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.craft.writers.base import WriterFailure
from canvasagent.endpoints.address import Endpoint, endpoint_of
from canvasagent.endpoints.answers import Answer
from canvasagent.endpoints.chat import BASE_DELAY, ChatClient, Dialect
from canvasagent.endpoints.settings import EndpointSettings
from canvasagent.errors import PolicyFailure

T = TypeVar("T")
LONGEST_REPLY = 20_000
"""Most characters of a reply."""
SHOWN = 120
"""Most characters of a reply that a message quotes."""
_THOUGHTS = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


class WriterSettings(BaseModel):
    """How an endpoint is asked. Address and key: CANVASAGENT_WRITER_BASE_URL and CANVASAGENT_WRITER_API_KEY, else the
    general ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str | None = None
    """Base URL of an OpenAI-compatible server."""
    api_key: str | None = Field(default=None, repr=False)
    """Key for it; read from the environment where None. Never written to a record."""
    temperature: float | None = Field(default=None, ge=0)
    """Sampling temperature; the server's own where None."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest reply in tokens; the server's own where None."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that one request may take."""
    retries: int = Field(default=4, ge=0)
    """Retries of a request after a temporary failure."""
    tries: int = Field(default=3, ge=1)
    """Most tries for a usable reply, before the item is rejected."""
    reasons: Literal["grammar", "endpoint"] = "grammar"
    """Who writes the reasons: the grammar, without cost, or the endpoint, with a request per turn."""
    check: bool = True
    """Whether a second request compares each instruction with its plan."""
    view_pixels: int = Field(default=262_144, ge=1)
    """Pixels of the copy that the endpoint sees of each picture."""


class BadReply(ValueError):
    """An unusable reply. The message says why, and is sent to the endpoint with the next try."""


class ModelClient:
    """A model behind an endpoint that is asked again until its reply is usable."""

    def __init__(self, name: str, model: str, settings: WriterSettings, base_delay: float = BASE_DELAY) -> None:
        """Raises `InputError` for a missing key or a bad base URL. `base_delay` is in seconds."""
        self.name, self.settings = name, settings
        taken = ("base_url", "api_key", "temperature", "max_tokens", "timeout", "retries")
        endpoint_settings = EndpointSettings(**{key: getattr(settings, key) for key in taken})
        self.endpoint: Endpoint = endpoint_of(
            endpoint_settings, "CANVASAGENT_WRITER_BASE_URL", "CANVASAGENT_WRITER_API_KEY"
        )
        dialect = Dialect(completion_limit=self.endpoint.is_openai)
        self._client = ChatClient(name, model, endpoint_settings, self.endpoint, dialect, base_delay)

    async def ask(self, prompt: str, content: list[dict[str, Any]], read: Callable[[str], T]) -> T:
        """What `read` makes of a reply. It raises `BadReply` for one that is asked for again, with why.

        Raises `WriterFailure` where the endpoint gives no answer, or none that can be used in all tries.
        """
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": prompt_text(prompt)},
            {"role": "user", "content": content},
        ]
        why = ""
        for _ in range(self.settings.tries):
            try:
                answer = await self._answer(messages)
                if answer.finish == "length":
                    raise BadReply("the reply broke off at the limit of tokens")
                return read(answer.text)
            except BadReply as error:
                why = self.endpoint.scrub(str(error))
            again = f"Your last reply could not be used: {why}. Answer again, with JSON alone."
            messages = [*messages[:2], {"role": "user", "content": again}]
        tries = f"{self.settings.tries} {'try' if self.settings.tries == 1 else 'tries'}"
        raise WriterFailure(f"{self.name} gave nothing that can be used in {tries}: {why}.")

    async def _answer(self, messages: list[dict[str, Any]]) -> Answer:
        try:
            return (await self._client.complete(lambda _: messages)).answer
        except PolicyFailure as error:
            raise WriterFailure(str(error)) from error


def prompt_text(name: str) -> str:
    """A prompt of `prompts/`."""
    return files(__package__).joinpath("prompts", f"{name}.md").read_text("utf-8").strip()


def field_of(reply: str, name: str) -> Any:
    """The field `name` of the JSON object in a reply, with prose, fences or thoughts around it. Raises `BadReply`."""
    text = _THOUGHTS.split(reply)[-1]
    if not text.strip():
        raise BadReply("the reply is empty")
    if len(text) > LONGEST_REPLY:
        raise BadReply(f"the reply has {len(text):,} characters")
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and name in value:
            return value[name]
        at = text.find("{", at + 1)
    shown = " ".join(text.split())[:SHOWN]
    raise BadReply(f'the reply holds no JSON object with "{name}": {shown}')


def words_of(reply: str, name: str) -> str:
    """The text of a field, in one line where it has several. Raises `BadReply`."""
    value = field_of(reply, name)
    if not isinstance(value, str) or not value.strip():
        raise BadReply(f'"{name}" is no text')
    return " ".join(value.encode("utf-8", "replace").decode().split())


def truth_of(reply: str, name: str) -> bool:
    """The truth of a field. Raises `BadReply`."""
    value = field_of(reply, name)
    if not isinstance(value, bool):
        raise BadReply(f'"{name}" is neither true nor false')
    return value
