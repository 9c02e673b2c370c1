"""Cost of calls: reported by backends that pay for theirs (hosted models) to the code that runs the call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class CostMeter:
    """The reported cost, in the currency of the backend's prices; None if nothing was reported."""

    cost: float | None = None


_METER: ContextVar[CostMeter | None] = ContextVar("canvasagent_meter", default=None)


@contextlib.contextmanager
def metered() -> Iterator[CostMeter]:
    """A meter of all that `spend` reports inside the block, in this thread or task."""
    meter = CostMeter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def spend(cost: float) -> None:
    """Report a cost. Outside of `metered` it is ignored."""
    meter = _METER.get()
    if meter is not None:
        meter.cost = (meter.cost or 0.0) + cost
