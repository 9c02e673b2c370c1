"""What a policy reads: messages of text and pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from canvasagent.canvas import Asset


@dataclass(frozen=True)
class Message:
    """One message. Its pictures come before its text, in this order."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    assets: tuple[Asset, ...] = ()


_STATE = re.compile(r"\s*\[(?:Output image saved as: (?P<made>[^\s\]]+)\. )?now imglist is \{(?P<ids>[^}]*)\}\]\s*\Z")
_CONTINUES = re.compile(r"\AContinuing an earlier run; its result is (\S+)\.\s*\n")


@dataclass(frozen=True)
class Shown:
    """What a user or tool message says, apart from the asset state that it ends with."""

    text: str
    made: str | None
    """Id of the asset that the call made."""
    imglist: tuple[str, ...]
    """The ids that exist now."""
    continues: str | None = None
    """Id of the result of the earlier run that a request goes on from."""


def shown(message: Message) -> Shown:
    """A user or tool message taken apart; the reverse of `protocol.render_request` and `render_observation`."""
    state = _STATE.search(message.text)
    text = message.text[: state.start()] if state else message.text
    ids = tuple(re.findall(r"[^\s,]+", state["ids"])) if state else ()
    continues = _CONTINUES.match(text)
    text = text[continues.end() if continues else 0 :]
    return Shown(text, state["made"] if state else None, ids, continues[1] if continues else None)


def last_request(messages: Sequence[Message]) -> tuple[Shown, Sequence[Message]]:
    """The last user message taken apart, and the messages after it."""
    start = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
    if start is None:
        return Shown("", None, ()), messages
    return shown(messages[start]), messages[start + 1 :]
