"""The wire contract as code: a policy's text to a turn, a turn's outcome to an observation.

`parse` takes any string whatever and never raises: what is wrong becomes typed faults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canvasagent.faults import FAULT_TEXT, FormatFault, ToolFault
from canvasagent.storage.foreign_json import check_depth, plain, shortened, whole

_OPEN, _SHUT = "<reason>", "</reason>"
_ACTION = re.compile(r"<tool_call>|<Terminate>")
_BLOCK_END = re.compile(r"</tool_call>|<tool_call>|<Terminate>")
_TERMINATE = re.compile(r"<Terminate>(?:([^<>]*)</Terminate>)?")
_FENCE = re.compile(r"```[a-zA-Z]*")
_NOT_DONE = re.compile(r"(?:^|(?<=\s))Not done:\s*(.+)", re.IGNORECASE)
_CALL, _CLOSE = "<tool_call>", "</tool_call>"
_DECODER = json.JSONDecoder()
MAX_DEPTH = 32
"""How deep the JSON of a call may be nested."""

MAX_ERROR = 4000
"""Characters of what an observation says on a failed call."""

MAX_BLOCKS = 16
"""Tool calls of one turn that are read; only the first is run, so what comes after can only be a fault."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call as the policy wrote it."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """A policy's text, taken apart."""

    text: str
    reason: str | None
    call: ToolCall | None
    terminate: bool
    """Whether the turn ends the episode. False where a call stands beside `<Terminate>`: the call is run."""
    final_id: str | None
    """The asset that `<Terminate>ID</Terminate>` names."""
    faults: tuple[FormatFault, ...]

    @property
    def not_done(self) -> tuple[str, ...]:
        """The parts of the request that the last turn's reason declares as `Not done: one; another`."""
        found = [match[1] for match in _NOT_DONE.finditer(self.reason or "")] if self.terminate else []
        return tuple(part.strip(" .") for line in found for part in line.split(";") if part.strip(" ."))


def parse(text: str) -> Turn:
    """Take a policy's text apart. Never raises; every departure from the contract is a fault."""
    text = whole(text)  # a lone surrogate cannot be written to a file
    faults: list[FormatFault] = []
    reason, rest = _take_reason(text, faults)
    calls, rest = _take_calls(rest, faults)
    # Calls are removed first: a <Terminate> inside of a call's string is text.
    endings = list(_TERMINATE.finditer(rest))
    rest = _TERMINATE.sub("", rest)
    if _FENCE.search(rest):
        faults.append(FormatFault.CODE_FENCE)
        rest = _FENCE.sub("", rest)
    if rest.strip():
        faults.append(FormatFault.TEXT_OUTSIDE)
    if len(calls) > 1:
        faults.append(FormatFault.SEVERAL_CALLS)
    # An unreadable call is still an attempt: the policy did not mean to end, so <Terminate> beside it is ignored.
    attempted = bool(calls) or FormatFault.INVALID_JSON in faults or FormatFault.INVALID_CALL in faults
    if endings and attempted:
        faults.append(FormatFault.TERMINATE_WITH_CALL)
    if not endings and not attempted:
        faults.append(FormatFault.NO_ACTION)
    terminate = bool(endings) and not attempted
    named = (endings[-1][1] or "").strip() if terminate else ""
    return Turn(
        text=text,
        reason=reason,
        call=calls[0] if calls else None,
        terminate=terminate,
        final_id=named or None,
        faults=tuple(dict.fromkeys(faults)),
    )


def _take_reason(text: str, faults: list[FormatFault]) -> tuple[str | None, str]:
    """The reason, and the text without it. Only what stands before the action is a reason."""
    action = _ACTION.search(text)
    start = text.find(_OPEN, 0, action.start() if action else len(text))
    if start < 0:
        faults.append(FormatFault.MISSING_REASON)
        return None, text
    body = start + len(_OPEN)
    end = text.find(_SHUT, body)
    after = end + len(_SHUT)
    if end < 0:
        faults.append(FormatFault.UNCLOSED_REASON)
        end = after = action.start() if action else len(text)
    reason = text[body:end].strip()
    if not reason:
        faults.append(FormatFault.EMPTY_REASON)
    return reason, text[:start] + text[after:]


def _take_calls(text: str, faults: list[FormatFault]) -> tuple[list[ToolCall], str]:
    """The readable tool calls, and the text without any. JSON is decoded, so tags inside strings are safe."""
    calls: list[ToolCall] = []
    outside: list[str] = []
    position = blocks = 0
    while (start := text.find(_CALL, position)) >= 0:
        outside.append(text[position:start])
        # Bounds the work for a text of thousands of blocks; more than one is a fault anyway.
        if blocks == MAX_BLOCKS:
            faults.append(FormatFault.SEVERAL_CALLS)
            return calls, "".join(outside)
        position = _take_call(text, start + len(_CALL), calls, faults)
        blocks += 1
    outside.append(text[position:])
    return calls, "".join(outside)


def _take_call(text: str, start: int, calls: list[ToolCall], faults: list[FormatFault]) -> int:
    """Read one `<tool_call>` block from `start`; returns where the text after it begins."""
    body = start
    if fence := re.compile(r"\s*```[a-zA-Z]*").match(text, body):
        faults.append(FormatFault.CODE_FENCE)
        body = fence.end()
    while body < len(text) and text[body].isspace():
        body += 1
    try:
        value, end = _DECODER.raw_decode(text, body)
        # raw_decode finds the end of the JSON itself, so a closing tag inside of a string does not cut it off.
        call = _as_call(value)
    except (ValueError, RecursionError):
        faults.append(FormatFault.INVALID_JSON)
        return _after_close(text, body, faults)
    if call is None:
        faults.append(FormatFault.INVALID_CALL)
    else:
        calls.append(call)
    return _check_tail(text, end, faults)


def _check_tail(text: str, end: int, faults: list[FormatFault]) -> int:
    """What stands between a call's JSON and its closing tag: nothing, a fence, another call, or rubbish."""
    after = _after_close(text, end, faults)
    tail = text[end:after].removesuffix(_CLOSE)
    if FormatFault.CODE_FENCE in faults:
        tail = tail.replace("```", "")
    if tail.strip():
        faults.append(FormatFault.SEVERAL_CALLS if tail.lstrip(" ,\n").startswith("{") else FormatFault.INVALID_JSON)
    return after


def _after_close(text: str, start: int, faults: list[FormatFault]) -> int:
    """The end of the block that `start` lies in: after its closing tag, or before the next tag if it has none."""
    found = _BLOCK_END.search(text, start)
    if found is not None and found[0] == _CLOSE:
        return found.end()
    faults.append(FormatFault.UNCLOSED_CALL)
    return found.start() if found is not None else len(text)


def _as_call(value: object) -> ToolCall | None:
    """A decoded value as a call; arguments may also be an object in a string, as chat endpoints write them."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"].strip():
        return None
    arguments = value.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    if not isinstance(arguments, dict):
        return None
    check_depth(arguments, MAX_DEPTH)
    return ToolCall(whole(value["name"].strip()), plain(arguments))


def render_turn(reason: str, call: ToolCall | None = None, final_id: str | None = None) -> str:
    """A turn's text: a reason and a call, or a reason and `<Terminate>`. Inverse of `parse`."""
    if call is None:
        ending = f"<Terminate>{final_id}</Terminate>" if final_id else "<Terminate>"
        return f"<reason>{reason}</reason>\n{ending}"
    body = json.dumps({"name": call.name, "arguments": dict(call.arguments)}, ensure_ascii=False)
    # Escaped in JSON, a tag in an argument cannot end the block for readers that search for the closing tag.
    body = body.replace("<", "\\u003c") if re.search(r"</?(tool_call|reason|Terminate)>", body) else body
    return f"<reason>{reason}</reason>\n{_CALL}{body}{_CLOSE}"


def render_observation(
    text: str, imglist: Sequence[str], made: str | None = None, faults: Sequence[FormatFault] = ()
) -> str:
    """A tool message's text: faults told, what happened, and the asset state at the end."""
    state = "now imglist is {" + ", ".join(imglist) + "}"
    state = f"[Output image saved as: {made}. {state}]" if made else f"[{state}]"
    lines = [f"Format fault: {FAULT_TEXT[fault]}." for fault in faults]
    return "\n".join([*lines, *([text] if text else []), state])


def render_error(faults: Sequence[ToolFault], infrastructure: bool = False) -> str:
    """What went wrong with a call, for the policy to act on."""
    text = " ".join(fault.message for fault in faults)
    return ("Error (infrastructure): " if infrastructure else "Error: ") + shortened(text, MAX_ERROR)


def render_request(instruction: str, imglist: Sequence[str], continues: str | None = None) -> str:
    """The user message's text. `continues` is the result of the run that this request goes on from."""
    head = f"Continuing an earlier run; its result is {continues}.\n" if continues else ""
    return f"{head}{instruction}\n[now imglist is {{{', '.join(imglist)}}}]"


def said(text: str, most: int = 400) -> str:
    """A text that may stand in a reason: one line, no tags, no 'Not done:' of its own, at most `most` characters."""
    text = re.sub(r"(?i)not done:", "not done", " ".join(text.replace("<", "‹").replace(">", "›").split()))
    return text if len(text) <= most else text[: most - 1] + "…"
