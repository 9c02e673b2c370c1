"""Reading the score in a judge's reply. Nothing is guessed, clamped or filled in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

SHOWN = 120
"""Characters of a reply that a message repeats."""

LONGEST = 20_000
"""Characters that a reply may have, thoughts aside."""

_END_OF_THOUGHTS = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_OPEN_THOUGHTS = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Unreadable(ValueError):
    """A reply holds no score, or none that can be relied on. Its text says why."""


def read_score(reply: str, finish: str | None = None) -> float:
    """The score, 0 to 1, in a reply such as `{"score": 0.8}`, with prose, fences or thoughts around it.

    Raises `Unreadable` for anything else: no score, two different ones, one that is no number or out of range.
    """
    if finish == "length":
        raise Unreadable("the reply broke off at the limit of tokens")
    if finish == "content_filter":
        raise Unreadable("the server's content filter held the reply back")
    text = _END_OF_THOUGHTS.split(reply)[-1]
    if _OPEN_THOUGHTS.search(text):
        raise Unreadable("the reply is nothing but unfinished thoughts")
    if not text.strip():
        raise Unreadable("the reply is empty")
    if len(text) > LONGEST:
        raise Unreadable(f"the reply has {len(text):,} characters where a line was asked for")
    found = [value for item in _objects(text) for value in _scores(item)]
    if not found:
        raise Unreadable(f'the reply holds no {{"score": x}}: {_shown(text)}')
    scores = {_number(value) for value in found}
    if len(scores) > 1:
        raise Unreadable(f"the reply holds {len(scores)} different scores: {', '.join(map(str, sorted(scores)))}")
    return scores.pop()


def _objects(text: str) -> Iterator[list[tuple[str, Any]]]:
    """The outermost JSON objects in a text, as pairs, so that a key given twice is seen twice."""
    decoder = json.JSONDecoder(object_pairs_hook=list)
    at = text.find("{")
    while at >= 0:
        try:
            item, end = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise Unreadable("the reply is nested too deeply to be read") from error
        except ValueError:
            end = at + 1
        else:
            yield item
        at = text.find("{", end)


def _scores(pairs: list[tuple[str, Any]]) -> list[Any]:
    return [value for key, value in pairs if key.strip().lower() == "score"]


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"the score is not a number: {_shown(json.dumps(value))}")
    if not math.isfinite(value):
        raise Unreadable(f"the score is not a number: {value}")
    if not 0 <= value <= 1:
        raise Unreadable(f"the score {_shown(str(value))} is not between 0 and 1")
    return abs(float(value))


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
