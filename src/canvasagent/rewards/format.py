"""Format: whether each turn keeps the wire contract (R_format of equation 2), read from its text.

What a turn's text breaks is what `protocol.parse` says of it; the reward has no second opinion.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from canvasagent.faults import FormatFault as F
from canvasagent.protocol.turns import MAX_DEPTH, parse
from canvasagent.record.model import CallRecord, TurnRecord
from canvasagent.rewards.config import FormatWeights

_CALLS = re.compile(r"\s*<reason>([^<]*)</reason>\s*<tool_call>(?=\{)")
_ENDS = re.compile(r"\s*<reason>([^<]*)</reason>\s*<Terminate>(?:[^<>]*</Terminate>)?\s*")
_BLOCK = re.compile(r"<tool_call>.*?(?:</tool_call>|\Z)|<Terminate>(?:[^<>]*</Terminate>)?|</?reason>", re.DOTALL)
_DECODER = json.JSONDecoder()
_WIDE = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_WIDE}]|[^\s{_WIDE}]{{1,16}}")

BREAKS: dict[str, frozenset[F]] = {
    "reason": frozenset({F.MISSING_REASON, F.UNCLOSED_REASON, F.EMPTY_REASON}),
    "json_valid": frozenset({F.INVALID_JSON, F.INVALID_CALL, F.UNCLOSED_CALL, F.NO_ACTION}),
    "one_call": frozenset({F.SEVERAL_CALLS, F.NO_ACTION}),
    "termination": frozenset({F.TERMINATE_WITH_CALL, F.BAD_FINAL_ID, F.NO_ACTION}),
    "no_extra": frozenset({F.TEXT_OUTSIDE, F.CODE_FENCE}),
}
"""The faults that lose each part of a turn's format. A turn without any action has made no valid call."""


@dataclass(slots=True)
class TurnText:
    """What a turn's text says, as far as the reward needs it."""

    reason: str | None
    faults: tuple[F, ...]
    agrees: bool
    """Whether the recorded call is the one in the text."""


def read_text(turn: TurnRecord) -> TurnText:
    """A turn's text, held against the wire contract and against the recorded call.

    A text that is exactly a reason and the recorded call, or a reason and an ending, has no fault, and is told by
    one pattern; every other one is parsed.
    """
    call = turn.call
    if call is not None:
        plain = _CALLS.match(turn.text)
        if plain is not None and plain[1].strip() and _is_call(turn.text, plain.end(), call):
            return TurnText(plain[1], (), True)
    elif (plain := _ENDS.fullmatch(turn.text)) is not None and plain[1].strip():
        return TurnText(plain[1], (), True)
    parsed = parse(turn.text)
    if call is None or parsed.call is None:
        agrees = call is None and parsed.call is None
    else:
        agrees = parsed.call.name == call.name and parsed.call.arguments == call.arguments
    return TurnText(parsed.reason, parsed.faults, agrees)


def _is_call(text: str, start: int, call: CallRecord) -> bool:
    """Whether what stands from `start` is exactly the recorded call and the closing tag, and nothing after it."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return bool(
        value == {"name": call.name, "arguments": call.arguments}
        and call.name == call.name.strip() != ""
        and text[end:].rstrip() == "</tool_call>"
        and text.find("<", start) == end
        and text.find("`", start, end) < 0
        and text.count("[", start, end) + text.count("{", start, end) <= MAX_DEPTH
    )


def turn_format(faults: Sequence[F], weights: FormatWeights, cut_off: bool = False) -> float:
    """R_format of one turn: 1 less the weight of every part that its faults lose; 0 to 1.

    Termination, per turn: the turn either acts or ends, it names an existing picture if it names one, and it is
    not the last turn of a run that a limit had to cut off (`cut_off`).
    """
    if not faults and not cut_off:
        return 1.0
    lost = [name for name, breaking in BREAKS.items() if not breaking.isdisjoint(faults)]
    if cut_off and "termination" not in lost:
        lost.append("termination")
    return max(0.0, 1.0 - sum(float(getattr(weights, name)) for name in lost))


def format_score(turns: Sequence[float]) -> float:
    """R_format of equation 2: the mean format of the turns; 0 to 1, and 0 of a run without any."""
    return sum(turns) / len(turns) if turns else 0.0


def undiluted(scores: Sequence[float], useful: int) -> float:
    """1 less what was lost in sum over how many were useful; 0 to 1, and 0 where none was.

    The `hardened` counterpart of a mean: turns and calls that further nothing cannot thin out what was lost. No more
    count as useful than are expected (and the ending), so that detours cannot either.
    """
    return max(0.0, 1.0 - sum(1.0 - score for score in scores) / useful) if useful else 0.0


def words(text: str) -> int:
    """Length in words, by one rule: each 16 characters without a space are a word, and each Chinese, Japanese or
    Korean character is one; so no way of writing hides a long text.
    """
    return len(_WORD.findall(text))


def prose(text: str) -> str:
    """The text of a turn outside its call."""
    return _BLOCK.sub(" ", text)
