"""What a call gave, what is known of who made it, and the key that it is kept under."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from canvasagent.errors import CallTimeout
from canvasagent.execution.cache import Entry, Refused
from canvasagent.faults import Stage, ToolFault
from canvasagent.tools.base import Outcome


@dataclass(frozen=True, slots=True)
class Execution:
    """What a call gave: an outcome, or the fault that kept it from one."""

    outcome: Outcome | None
    fault: ToolFault | None
    key: str
    seed: int
    backend: str
    cached: bool
    seconds: float
    """Wall time, waiting for a free worker included."""
    cost: float | None = None
    """What it cost, where the backend pays for its calls; a cached call costs nothing."""
    timed_out: bool = False
    """Whether the fault is that it took longer than a call may take."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a backend's class says of itself."""

    fingerprint: str
    stochastic: bool
    alone: bool
    """Whether it runs in a process of its own."""
    waits: int = 0
    """How many of its calls may be under way at once, where it waits for others instead of computing here."""
    output_pixels: Callable[..., int] | None = None
    """How many pixels a result will have, where that is for the backend to say and not for the tool."""
    large: tuple[int, str] | None = None
    """Above how many pixels it works another way, and the version of that way."""

    def fingerprint_for(self, pixels: int) -> str:
        """The fingerprint of a call whose largest picture has so many pixels."""
        if self.large is None or pixels <= self.large[0]:
            return self.fingerprint
        return f"{self.fingerprint}+large{self.large[1]}"


def key_of(base_key: str, seed: int) -> str:
    """The key of a call with its seed."""
    return hashlib.sha256(f"{base_key}:{seed}".encode()).hexdigest()


def seed_of(base_key: str, run_seed: int, repeat: int) -> int:
    """A seed that depends on the run's seed, the call, and how often it was made before in the episode."""
    digest = hashlib.sha256(f"{run_seed}:{repeat}:{base_key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def cache_key(key: str, partition: str) -> str:
    """The key that a call's result is cached under, and shared while it is under way: another in each partition."""
    return hashlib.sha256(f"{partition}:{key}".encode()).hexdigest() if partition else key


def ended(
    entry: Entry, key: str, seed: int, backend: str, cached: bool, started: float, cost: float | None = None
) -> Execution:
    """A call that came to a result or a refusal."""
    refused = ToolFault(Stage.EXECUTION, entry.message) if isinstance(entry, Refused) else None
    outcome = entry if isinstance(entry, Outcome) else None
    return Execution(outcome, refused, key, seed, backend, cached, time.perf_counter() - started, cost)


def failed(error: Exception, key: str, seed: int, backend: str, started: float) -> Execution:
    """A call that the infrastructure kept from one."""
    fault = ToolFault(Stage.INFRASTRUCTURE, str(error))
    seconds, timed_out = time.perf_counter() - started, isinstance(error, CallTimeout)
    return Execution(None, fault, key, seed, backend, False, seconds, timed_out=timed_out)
