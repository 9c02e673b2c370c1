"""What a call costs, told by a backend that pays for it (a hosted model) to whoever runs the call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class CostMeter:
    """What was spent, in the currency of the backend's prices; None where nothing is known."""

    cost: float | None = None


_METER: ContextVar[CostMeter | None] = ContextVar("canvasagent_meter", default=None)


@contextlib.contextmanager
def metered() -> Iterator[CostMeter]:
    """A meter for what `spend` is told inside the block, in this thread or task."""
    meter = CostMeter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def spend(cost: float) -> None:
    """Tell what was paid. Where nobody counts it is forgotten."""
    meter = _METER.get()
    if meter is not None:
        meter.cost = (meter.cost or 0.0) + cost
