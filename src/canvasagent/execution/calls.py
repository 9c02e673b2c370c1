"""Results of calls, facts about backends, and the keys of calls."""

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
    """The result of a call: an outcome or a fault."""

    outcome: Outcome | None
    fault: ToolFault | None
    key: str
    seed: int
    backend: str
    cached: bool
    seconds: float
    """Wall time, including the wait for a free worker."""
    cost: float | None = None
    """Cost, for a backend that pays for its calls; a cached call costs nothing."""
    timed_out: bool = False
    """Whether it exceeded its time limit."""


@dataclass(frozen=True, slots=True)
class Known:
    """The declared properties of a backend's class."""

    fingerprint: str
    stochastic: bool
    alone: bool
    """Whether it runs in a process of its own."""
    waits: int = 0
    """Number of concurrent calls of a backend that waits for something else instead of computing here."""
    output_pixels: Callable[..., int] | None = None
    """Predicts the pixels of a result, if the backend knows better than the tool."""
    large: tuple[int, str] | None = None
    """Number of pixels above which it uses another algorithm, and that algorithm's version."""

    def fingerprint_for(self, pixels: int) -> str:
        """The fingerprint of a call by the pixels of its largest picture."""
        if self.large is None or pixels <= self.large[0]:
            return self.fingerprint
        return f"{self.fingerprint}+large{self.large[1]}"


def key_of(base_key: str, seed: int) -> str:
    """The key of a call with its seed."""
    return hashlib.sha256(f"{base_key}:{seed}".encode()).hexdigest()


def seed_of(base_key: str, run_seed: int, repeat: int) -> int:
    """A seed derived from the run's seed, the call, and the number of earlier equal calls in the episode."""
    digest = hashlib.sha256(f"{run_seed}:{repeat}:{base_key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def cache_key(key: str, partition: str) -> str:
    """The key for caching and sharing a call's result; it differs between partitions."""
    return hashlib.sha256(f"{partition}:{key}".encode()).hexdigest() if partition else key


def ended(
    entry: Entry, key: str, seed: int, backend: str, cached: bool, started: float, cost: float | None = None
) -> Execution:
    """The execution of a call with a result or a refusal."""
    refused = ToolFault(Stage.EXECUTION, entry.message) if isinstance(entry, Refused) else None
    outcome = entry if isinstance(entry, Outcome) else None
    return Execution(outcome, refused, key, seed, backend, cached, time.perf_counter() - started, cost)


def failed(error: Exception, key: str, seed: int, backend: str, started: float) -> Execution:
    """The execution of a call that the infrastructure failed."""
    fault = ToolFault(Stage.INFRASTRUCTURE, str(error))
    seconds, timed_out = time.perf_counter() - started, isinstance(error, CallTimeout)
    return Execution(None, fault, key, seed, backend, False, seconds, timed_out=timed_out)
