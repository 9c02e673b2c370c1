"""What the server answers when it does not do as asked: a status, a type that programs read, words for people."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse


class Problem(Exception):
    """Ends a request with an error. `more` goes into the answer beside type and message."""

    def __init__(self, status: int, type: str, message: str, *, wait: float | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.type, self.message, self.wait, self.more = status, type, message, wait, more

    def payload(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"type": self.type, "message": self.message, **self.more}}

    def response(self) -> JSONResponse:
        """The answer. A wait becomes the header Retry-After, in whole seconds."""
        headers = {"Retry-After": str(max(1, math.ceil(self.wait)))} if self.wait is not None else None
        return JSONResponse(self.payload(), self.status, headers)


def too_many(message: str, wait: float) -> Problem:
    """A quota or queue is used up; `wait` says when to come back, in seconds."""
    return Problem(429, "too_many_requests", message, wait=wait)
