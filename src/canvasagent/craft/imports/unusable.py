"""Why an item cannot become a record."""

from __future__ import annotations

from canvasagent.errors import CanvasAgentError


class UnusableItem(CanvasAgentError):
    """An item cannot become a record. `reason` is the kind of trouble, for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
