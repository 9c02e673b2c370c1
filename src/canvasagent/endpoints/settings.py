"""Settings of a model behind an endpoint, and the usage of its answers."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class EndpointSettings(BaseModel):
    """Address and parameters of a chat-completions server."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base_url: str | None = None
    """Base URL of an OpenAI-compatible server."""
    api_key: str | None = Field(default=None, repr=False)
    """Key for it; read from the environment where None. Never written to a record."""
    temperature: float | None = None
    """Sampling temperature; if left out the server's own, and for a local model 0."""
    max_tokens: int | None = None
    """Longest reply in tokens; if left out the server's own, and for a local model 1,024."""
    timeout: float = 120.0
    """Seconds that one request may take."""
    retries: int = 4
    """Retries of a request after a temporary failure."""
    tool_pictures: str = "auto"
    """Where the pictures of tool results go: `tool`, `user` (a message after it), or `auto`."""
    input_price: float | None = None
    """Price of a million input tokens, for cost accounting."""
    output_price: float | None = None
    """Price of a million output tokens, for cost accounting."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, seconds and cost of a reply. Unknown figures are None, never 0."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    """In the currency of the prices that the user gave; None where no price is known."""
    retries: int = 0
