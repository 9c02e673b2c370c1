"""Any OpenAI-compatible chat-completions endpoint with vision as policy: `--policy openai:MODEL`.

The wire contract is plain text, so nothing of the servers' own tool calling is used: the model reads the tools in
the system prompt and its turn is the text that comes back. Works with vLLM, SGLang, llama.cpp, Ollama, gateways and
OpenAI's service alike. Where servers differ (`Dialect`), the policy tries the common way first, and on a refusal the
other way at once; what was accepted is remembered for the life of the policy object.

Some servers accept pictures in tool messages and lose them in silence: OpenAI's own service did with GPT-5.2, and so
did Gemma 4's chat template. For OpenAI's service `auto` therefore means `user`; for other servers that are in doubt
set `tool_pictures="user"`, which every vision model reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from canvasagent.endpoints.address import endpoint_of
from canvasagent.endpoints.chat import BASE_DELAY, BROKEN_OFF, ChatClient, Dialect
from canvasagent.endpoints.messages import PictureCache, wire_messages
from canvasagent.errors import InputError
from canvasagent.policies.base import PolicySettings, Reply
from canvasagent.protocol.conversation import Message

__all__ = ["BROKEN_OFF", "OpenAIPolicy", "create"]

TOOL_PICTURES = ("auto", "tool", "user")


class OpenAIPolicy:
    """A model behind a chat-completions endpoint. One object serves many episodes, threads and event loops."""

    def __init__(self, model: str, settings: PolicySettings, base_delay: float = BASE_DELAY) -> None:
        """Raises `InputError` where key, base URL or a setting is wrong. `base_delay` is in seconds."""
        if settings.tool_pictures not in TOOL_PICTURES:
            raise InputError(f"tool_pictures is one of {', '.join(TOOL_PICTURES)}, not '{settings.tool_pictures}'.")
        self.name = f"openai:{model}"
        self.model = model
        self.settings = settings
        endpoint = endpoint_of(settings)
        dialect = Dialect(
            tool_role=settings.tool_pictures == "tool" or (settings.tool_pictures == "auto" and not endpoint.is_openai),
            completion_limit=endpoint.is_openai,
        )
        self.client = ChatClient(self.name, model, settings, endpoint, dialect, base_delay)
        self._cache = PictureCache(settings.view_pixels)

    def __repr__(self) -> str:
        return f"<{self.name} at {self.client.endpoint.url}>"

    def record(self) -> dict[str, Any]:
        """What a record keeps: how the model was asked, and nothing secret."""
        chosen = ("temperature", "max_tokens", "view_pixels", "tool_pictures")
        settings = {name: getattr(self.settings, name) for name in chosen}
        return {"model": self.model, "base_url": self.client.endpoint.url, **settings}

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The model's next turn; streamed where `on_text` is given.

        Where a stream breaks off, `on_text` gets `BROKEN_OFF` and then the new answer from its start. Raises
        `PolicyFailure` when the server refuses, or has not answered after all retries.
        """

        def write(dialect: Dialect) -> list[dict[str, Any]]:
            return wire_messages(messages, self._cache, dialect.tool_role)

        completion = await self.client.complete(write, on_text)
        return Reply(completion.answer.text, completion.usage)


def create(argument: str | None, settings: PolicySettings) -> OpenAIPolicy:
    """The policy for the model named `argument`. Raises `InputError` where none is named or no key is to be had."""
    if not argument or not argument.strip():
        raise InputError("name the model: openai:MODEL, as in openai:Qwen/Qwen3-VL-8B-Instruct.")
    return OpenAIPolicy(argument.strip(), settings)
