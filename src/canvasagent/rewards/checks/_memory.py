"""Findings that are kept: an equal statement on equal pictures is measured once.

The rollouts of a group often end alike, and all begin with the same inputs, so most of what a judge of progress
measures has been measured before.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any

from canvasagent.canvas import pixel_hash
from canvasagent.rewards.checks._registry import Outcome, hold
from canvasagent.rewards.checks.base import Result

ENTRIES = 4096
"""Outcomes that are kept; the longest unused go first."""

_Key = tuple[str, str | None, tuple[str, ...], str | None]


class CheckMemory:
    """Outcomes by statement and pixels. Safe in threads: what one is measuring, another one waits for."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._most = entries
        self._lock = Lock()
        self._outcomes: OrderedDict[_Key, Future[Outcome]] = OrderedDict()

    def hold(self, data: Mapping[str, Any], result: Result) -> Outcome:
        """`checks.hold`, measured on first use. Raises as it does, each time."""
        key = _key_of(data, result)
        with self._lock:
            known = self._outcomes.get(key)
            future = known if known is not None else Future()
            self._outcomes[key] = future
            self._outcomes.move_to_end(key)
            while len(self._outcomes) > self._most:
                self._outcomes.popitem(last=False)
        if known is None:
            try:
                future.set_result(hold(data, result))
            except BaseException as error:
                with self._lock:
                    self._outcomes.pop(key, None)
                future.set_exception(error)
        return future.result()


def _key_of(data: Mapping[str, Any], result: Result) -> _Key:
    final = pixel_hash(result.final) if result.final is not None else None
    statement = json.dumps(data, sort_keys=True, ensure_ascii=False, default=repr)
    return statement, final, tuple(pixel_hash(picture) for picture in result.inputs), result.answer
