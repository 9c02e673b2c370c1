"""Gives every request an id, a line in the log, and its counts in the metrics."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canvasagent.serving.logs import FACTS, access
from canvasagent.serving.metrics import Metrics


class Recorder:
    """ASGI middleware. Routes are recorded by their pattern, so that no id gets into metrics or log."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        name = secrets.token_hex(8)  # random: consecutive numbers would show how many requests others send
        facts: dict[str, Any] = {"request": name, "method": scope["method"], "status": 499, "bytes": 0}

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts["status"] = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode("ascii"))]
            else:
                facts["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, tell)
        finally:
            self._record(scope, facts, time.perf_counter() - started)

    def _record(self, scope: Scope, facts: dict[str, Any], seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.requests.labels(route, str(facts["status"])).inc()
        if access.isEnabledFor(logging.INFO):
            client = scope.get("client")
            facts |= {"route": route, "ms": round(seconds * 1000, 2), "client": client[0] if client else None}
            facts |= {key: scope[key] for key in ("caller", "tool") if key in scope}
            access.info("request", extra={FACTS: facts})
