"""Waiting for something that another thread or process does. The one place of the tests that reads a clock."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 100.0
"""Seconds after which a test has hung; ample, as the machine may have other work, and below the limit of a test."""


def wait_until(happened: Callable[[], object], what: str = "it") -> None:
    """Return as soon as `happened` says so; fails where it never does. It is asked often, so it should be quick."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"{what} did not happen in {PATIENCE:g} s"
        time.sleep(0.02)
