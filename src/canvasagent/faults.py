"""Mistakes of a policy as data: typed faults for observations and for the reward."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from canvasagent.storage.foreign_json import shortened


class FormatFault(StrEnum):
    """A violation of the wire contract by a turn's text."""

    MISSING_REASON = "missing_reason"
    UNCLOSED_REASON = "unclosed_reason"
    EMPTY_REASON = "empty_reason"
    INVALID_JSON = "invalid_json"
    INVALID_CALL = "invalid_call"
    UNCLOSED_CALL = "unclosed_call"
    SEVERAL_CALLS = "several_calls"
    TERMINATE_WITH_CALL = "terminate_with_call"
    NO_ACTION = "no_action"
    BAD_FINAL_ID = "bad_final_id"
    TEXT_OUTSIDE = "text_outside"
    CODE_FENCE = "code_fence"


FAULT_TEXT: dict[FormatFault, str] = {
    FormatFault.MISSING_REASON: "no <reason>…</reason> before the action",
    FormatFault.UNCLOSED_REASON: "<reason> is not closed with </reason>",
    FormatFault.EMPTY_REASON: "the reason is empty",
    FormatFault.INVALID_JSON: "the text inside <tool_call> is not valid JSON",
    FormatFault.INVALID_CALL: ('a tool call is an object with "name" (a string) and "arguments" (an object)'),
    FormatFault.UNCLOSED_CALL: "<tool_call> is not closed with </tool_call>",
    FormatFault.SEVERAL_CALLS: "more than one tool call in the turn; only the first was run",
    FormatFault.TERMINATE_WITH_CALL: (
        "<Terminate> together with a tool call; the call was run and the episode goes on"
    ),
    FormatFault.NO_ACTION: (
        'neither a tool call nor <Terminate>; write <tool_call>{"name": …, "arguments": {…}}</tool_call> or <Terminate>'
    ),
    FormatFault.BAD_FINAL_ID: "<Terminate> names a picture that does not exist; the last one made is taken",
    FormatFault.TEXT_OUTSIDE: "text outside of <reason> and the action",
    FormatFault.CODE_FENCE: "a code fence around the action",
}


class Stage(StrEnum):
    """The stages at which a tool call can fail, in the order of the checks."""

    NAME = "name"
    SCHEMA = "schema"
    REFERENCE = "reference"
    SPECIFICATION = "specification"
    EXECUTION = "execution"
    INFRASTRUCTURE = "infrastructure"


MAX_MESSAGE = 1000
"""Most characters of a fault's message, which a policy reads and which may quote the call or a backend."""


@dataclass(frozen=True, slots=True)
class ToolFault:
    """A problem of a tool call. The message says what would be right, and is cut at `MAX_MESSAGE`."""

    stage: Stage
    message: str

    def __post_init__(self) -> None:
        if len(self.message) > MAX_MESSAGE:
            object.__setattr__(self, "message", shortened(self.message, MAX_MESSAGE))
