"""The server's Prometheus metrics. No label holds a key, a picture's id or any text of clients."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from canvasagent.serving.queueing import Turnstile
from canvasagent.serving.store import Store

BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
"""Seconds that calls take, from a crop to a generated picture."""


class Metrics:
    """A registry of its own, so that several servers fit into one process."""

    def __init__(self, store: Store, turnstile: Turnstile) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "canvasagent_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self.calls = Counter(
            "canvasagent_calls", "Calls by tool and how they ended", ["tool", "end"], registry=self.registry
        )
        self.seconds = Histogram(
            "canvasagent_call_seconds",
            "Time of calls that ran, their wait for a turn not counted",
            ["tool"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.uploaded = Counter("canvasagent_uploaded_bytes", "Bytes of uploaded pictures", registry=self.registry)
        self._gauge("canvasagent_calls_running", "Running calls", lambda: turnstile.busy)
        self._gauge("canvasagent_calls_waiting", "Calls that wait for their turn", lambda: turnstile.waiting)
        self._gauge(
            "canvasagent_calls_abandoned",
            "Calls that still run after their client has left or the time limit has passed",
            lambda: turnstile.abandoned,
        )
        self._gauge("canvasagent_pictures", "Pictures held", lambda: len(store))
        self._gauge("canvasagent_picture_bytes", "Memory of the pictures held", lambda: store.bytes)
        ProcessCollector(registry=self.registry)

    def _gauge(self, name: str, help: str, value: object) -> None:
        Gauge(name, help, registry=self.registry).set_function(value)  # type: ignore[arg-type]

    def text(self) -> bytes:
        """All of it, in the text format that Prometheus reads."""
        return generate_latest(self.registry)
