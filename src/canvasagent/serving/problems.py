"""Error answers: a status, a type for programs, a message for people."""

from __future__ import annotations

import logging
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

log = logging.getLogger(__name__)


class ClientLeft(Exception):
    """The client closed its connection, so there is nobody to answer."""


class Problem(Exception):
    """Ends a request with an error. `more` goes into the answer beside type and message."""

    def __init__(self, status: int, type: str, message: str, *, wait: float | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.type, self.message, self.wait, self.more = status, type, message, wait, more

    def payload(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"type": self.type, "message": self.message, **self.more}}

    def response(self) -> JSONResponse:
        """The response. A wait becomes the header Retry-After, in whole seconds."""
        headers = {"Retry-After": str(max(1, math.ceil(self.wait)))} if self.wait is not None else None
        return JSONResponse(self.payload(), self.status, headers)


def too_many(message: str, wait: float) -> Problem:
    """The 429 for a quota that is used up or a full queue; `wait`: seconds until a retry makes sense."""
    return Problem(429, "too_many_requests", message, wait=wait)


def answer_to(error: Exception) -> Response:
    """The response for an error."""
    if isinstance(error, Problem):
        response: Response = error.response()
    elif isinstance(error, ClientLeft):
        response = Response(status_code=499)
    elif isinstance(error, HTTPException):
        problem = Problem(error.status_code, error.detail.lower().replace(" ", "_"), f"{error.detail}.")
        response = problem.response()
        response.headers.update(error.headers or {})
    else:
        log.error("a fault in the server", exc_info=error)
        response = Problem(500, "internal", "a fault in the server; its log says more.").response()
    if response.status_code in (408, 413):
        response.headers["Connection"] = "close"
    return response
