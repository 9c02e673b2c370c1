"""When a turn that is being written is whole, so that nothing is generated after its action."""

from __future__ import annotations

import json
import re

_CALL, _CLOSE, _REASON_END = "<tool_call>", "</tool_call>", "</reason>"
_ENDED = re.compile(r"<Terminate>(?:[^<>]*</Terminate>|[^<>\n]*\n)")
_DECODER = json.JSONDecoder()


def is_whole(text: str) -> bool:
    """Whether a turn has its action: a tool call with its closing tag, or an ending.

    A closing tag inside of a string of the call's JSON does not count, nor do tags in the reason.
    """
    _, closed, rest = text.partition(_REASON_END)
    action = rest if closed else text
    call = action.find(_CALL)
    if call < 0:
        return _ENDED.search(action) is not None
    body = action[call + len(_CALL) :]
    return _CLOSE in body and not _in_string(body)


def _in_string(body: str) -> bool:
    """Whether the JSON at the beginning of `body` breaks off inside of a string."""
    try:
        _DECODER.raw_decode(body.lstrip())
    except json.JSONDecodeError as error:
        return error.msg.startswith("Unterminated string")
    except RecursionError:
        return False
    return False
