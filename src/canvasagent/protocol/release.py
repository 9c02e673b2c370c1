"""The research release's contract: a turn of a checkpoint that it trained, in the words of our wire contract.

Such a checkpoint begins each turn with an empty `<think></think>`, and ends a run by calling `Terminate`, a tool that
does not exist. Both are rewritten before the turn is read, so that records, replays and the reward need one parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from canvasagent.protocol.turns import Turn, parse

RELEASE = "release"
PSEUDO_TOOL = "Terminate"
"""The tool that a checkpoint of the release calls to end a run."""
NO_ACTION = "the turn holds no action that can be read, which ends a run under the contract 'release'."
VIEW_PIXELS = 2_000_000
"""Pixels of the pictures that the release's checkpoints were trained on, at most."""

_THINK = re.compile(r"\A\s*<think>\s*</think>\s*")
_ASSET = re.compile(r"[A-Za-z][A-Za-z0-9]*_\d+")


def without_empty_thought(text: str) -> str:
    """A turn without the empty `<think></think>` that may stand before it."""
    return _THINK.sub("", text)


def parse_release(text: str) -> Turn:
    """Take a turn apart as the release does. Never raises; the turn's text is in the form of our contract.

    An empty `<think></think>` at its beginning goes. A first call of `Terminate` ends the run, whatever follows it; an
    id among its arguments names the result.
    """
    text = without_empty_thought(text)
    turn = parse(text)
    if turn.call is None or turn.call.name != PSEUDO_TOOL:
        return turn
    head = text[: text.index("<tool_call>")]
    named = _named(turn.call.arguments)
    return parse(f"{head}<Terminate>{named}</Terminate>" if named else f"{head}<Terminate>")


def _named(arguments: Mapping[str, Any]) -> str | None:
    """The id of the result, if the arguments of `Terminate` hold one."""
    texts = [value.strip() for value in arguments.values() if isinstance(value, str)]
    return next((text for text in texts if _ASSET.fullmatch(text)), None)
