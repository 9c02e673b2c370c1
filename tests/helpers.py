"""What several tests share: a policy that says what it is told to, and photographs that come in a package."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image
from skimage import data

from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message


class ListPolicy:
    """Answers with `texts`, one a turn, in order; after the last one it terminates."""

    name = "list"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The text of this turn. Which turn it is, the conversation says; the policy has no memory."""
        turn = sum(message.role == "assistant" for message in messages)
        return Reply(self.texts[turn] if turn < len(self.texts) else end())


def call(name: str, reason: str = "Next step.", **arguments: Any) -> str:
    """A turn's text that calls a tool."""
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<reason>{reason}</reason>\n<tool_call>{body}</tool_call>"


def end(final: str | None = None, reason: str = "The request is fulfilled.") -> str:
    """A turn's text that ends the episode, naming a result or not."""
    return f"<reason>{reason}</reason>\n" + (f"<Terminate>{final}</Terminate>" if final else "<Terminate>")


def photo(name: str = "astronaut", size: int = 256) -> Image.Image:
    """A photograph of scikit-image in RGB, its longer side `size` pixels."""
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    scale = size / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
