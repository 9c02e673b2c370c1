"""What holds for all tests: how Hypothesis runs here, and signals for the tests that send them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from canvasagent.concurrency.stop_signals import STOP_SIGNALS

# A machine that has other work to do is slow, which is no fault of ours: how long an example takes says nothing.
settings.register_profile("canvasagent", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("canvasagent")


@pytest.fixture
def stoppable() -> Iterator[None]:
    """Stop signals do what they do at a terminal, here and in the processes that are started.

    Where the tests run in the background (`nohup make test &`) they are ignored, and child processes inherit that.
    """
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
