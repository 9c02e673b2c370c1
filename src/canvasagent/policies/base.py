"""What a policy is: one file in `policies/`, found by its name.

A file `policies/<name>.py` defines `create(argument, settings) -> Policy`; the command line's
`--policy name:argument` calls it. Another package adds one through the entry point group
`canvasagent.policies`, whose value is such a `create` function.

A policy has no memory of its own: everything it needs is in the conversation. So one object serves any
number of episodes at once, and a resumed run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from canvasagent.endpoints.settings import EndpointSettings, Usage
from canvasagent.errors import InputError
from canvasagent.protocol.release import RELEASE
from canvasagent.protocol.release import VIEW_PIXELS as RELEASE_VIEW_PIXELS

if TYPE_CHECKING:
    from canvasagent.protocol.conversation import Message

VIEW_PIXELS = 262_144
"""Pixels of the copy that a policy sees of a picture (the release shows pictures at full size)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A policy's turn: its text and what it took."""

    text: str
    usage: Usage = field(default_factory=Usage)


class PolicySettings(EndpointSettings):
    """What the command line passes to a policy; each takes what concerns it."""

    view_pixels: int = VIEW_PIXELS
    """Pixels of the copy that the policy sees of each picture."""
    describe: bool = False
    """Let the profile's tools put each picture into words: for a policy that reads no pictures."""
    constrain: bool | None = None
    """Whether a local model can write nothing but well-formed turns; if left out, below a billion parameters."""
    sampling_seed: int = 0
    """Seed of what a local model draws where the temperature is above 0."""
    device: str = "auto"
    """Device of a local model: cpu, cuda:0; auto is the graphics card with the most free memory, else the processor."""
    dtype: str = "auto"
    """Precision of a local model: bfloat16, float16, float32; auto is bfloat16 on a graphics card, else float32."""
    batch_size: int = Field(default=8, ge=1)
    """Turns of different runs that a local model writes at once."""


def settings_for(contract: str, settings: PolicySettings | None) -> PolicySettings:
    """`settings`; where they leave the size of pictures open, that on which the contract's checkpoints were trained."""
    settings = settings or PolicySettings()
    if contract != RELEASE or "view_pixels" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"view_pixels": RELEASE_VIEW_PIXELS})


class Policy(Protocol):
    """Writes the next turn from the conversation."""

    name: str
    """Name and argument as the record keeps them: `scripted`, `openai:gpt-5`."""

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn. `on_text` is called with pieces of it as they come, where the policy streams.

        Raises `PolicyFailure` when no answer could be had; anything in the text is data, however odd.
        """
        ...


@dataclass
class TurnPolicy:
    """A policy that is a function from the conversation to the text of the next turn."""

    name: str
    turn: Callable[[Sequence[Message]], str]

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The next turn, all at once."""
        text = self.turn(messages)
        if on_text is not None:
            on_text(text)
        return Reply(text)


Create = Callable[[str | None, PolicySettings], Policy]


def without_argument(name: str, turn: Callable[[Sequence[Message]], str]) -> Create:
    """What creates a policy of turns that takes no argument. Raises `InputError` where one is given."""

    def create(argument: str | None, settings: PolicySettings) -> Policy:
        if argument:
            raise InputError(f"the {name} policy takes no argument (got '{argument}').")
        return TurnPolicy(name, turn)

    return create


def blindness(policy: Policy, messages: Sequence[Message]) -> list[str]:
    """What a record notes where there are pictures and the policy says that it reads none (`reads_pictures`)."""
    if getattr(policy, "reads_pictures", True) or not any(message.assets for message in messages):
        return []
    return [f"{policy.name} reads no pictures and was not told what is in them; --describe puts them into words."]


def settings_record(policy: Policy) -> dict[str, Any]:
    """What a record keeps of a policy beside its name: its own `record()` where it has one."""
    record = getattr(policy, "record", None)
    return dict(record()) if callable(record) else {}
