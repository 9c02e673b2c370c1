"""The texts of a recorded run, written again: `--policy replay:RUN`.

With the same seed and profile this repeats the run; with another profile or version it shows what the tools make of
the same turns today. Only texts are replayed, never observations: the tools run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError, PolicyFailure
from canvasagent.policies.base import PolicySettings, Reply
from canvasagent.protocol.conversation import Message
from canvasagent.storage import run_files
from canvasagent.storage.foreign_json import whole
from canvasagent.storage.input_files import regular_file


class ReplayPolicy:
    """Answers with recorded texts, in order. Which one comes next is read from the conversation alone."""

    def __init__(self, source: str, texts: Sequence[str]) -> None:
        self.name = whole(f"replay:{source}")
        self.texts = tuple(texts)

    def record(self) -> dict[str, Any]:
        """What a record keeps: how many turns the recording has."""
        return {"turns": len(self.texts)}

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The recorded turn after those taken since the last user message.

        Raises `PolicyFailure` where the recording has no more.
        """
        taken = turns_taken(messages)
        if taken >= len(self.texts):
            count = len(self.texts)
            raise PolicyFailure(f"the recording ended after {count} turn{'' if count == 1 else 's'}.")
        if on_text:
            on_text(self.texts[taken])
        return Reply(self.texts[taken])


def turns_taken(messages: Sequence[Message]) -> int:
    """How many assistant turns there are since the last user message."""
    roles = [message.role for message in messages]
    start = len(roles) - roles[::-1].index("user") if "user" in roles else 0
    return roles[start:].count("assistant")


def read_texts(path: Path) -> list[str]:
    """The texts of the turns of a run: `path` is its folder or its `trajectory.json`.

    Reads no more than it needs, so that records of any version can be replayed. Raises `InputError` where there is
    no such file or it is not the record of a run.
    """
    file = path / run_files.RECORD_NAME if path.is_dir() else path
    try:
        record = json.loads(regular_file(file).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}. Name a run folder.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{file}' is damaged, or not the record of a run: {error}.") from error
    turns = record.get("turns") if isinstance(record, dict) else None
    if not isinstance(turns, list):
        raise InputError(f"'{file}' is not the record of a run: it has no list of turns.")
    texts = [turn.get("text") if isinstance(turn, dict) else None for turn in turns]
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"'{file}' is damaged: turn {number} has no text.")
    return [text for text in texts if isinstance(text, str)]


def create(argument: str | None, settings: PolicySettings) -> ReplayPolicy:
    """The policy that replays the run at `argument`. Raises `InputError` where it cannot be read."""
    if not argument:
        raise InputError("name the run to replay: replay:PATH, its folder or its trajectory.json.")
    return ReplayPolicy(argument, read_texts(Path(argument)))
