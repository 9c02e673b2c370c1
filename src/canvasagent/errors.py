"""The small family of errors. Each belongs to one boundary, so that a caller can tell whose fault it was.

What a *policy* does wrong is never one of these: it is data (see `faults.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.extras import install_advice


class CanvasAgentError(Exception):
    """Base of all errors that the package raises on purpose. Its text is meant for a person."""


class InputError(CanvasAgentError):
    """A picture, file, option or setting given by the user is wrong. Says what would be right."""


MAX_PROBLEMS = 20
"""Problems of a file that one message lists."""


def refusal(head: str, problems: Sequence[str]) -> InputError:
    """The error for a file that is used as a whole or not at all: `head`, then what is wrong in it, a line each."""
    more = [f"… and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
    return InputError("\n".join([f"{head}:", *problems[:MAX_PROBLEMS], *more]))


class ToolRefusal(CanvasAgentError):
    """A backend cannot do what was asked. Becomes an observation that the policy can act on."""


class BackendFailure(CanvasAgentError):
    """A backend crashed, hung or was lost: our infrastructure's fault, never counted against a policy."""


class CallTimeout(BackendFailure):
    """A call took longer than a call may take."""


class Cancelled(BackendFailure):
    """A call ended in the middle because nobody waits for its result any more."""


class WeightsError(BackendFailure):
    """Weights that a backend needs are missing, damaged or another model's. Says which, and what to do about it."""


class PolicyFailure(CanvasAgentError):
    """A policy could not answer: its endpoint timed out, refused, or sent something unreadable."""


class StorageError(CanvasAgentError):
    """A run could not be written or read: disk full, folder in use, record damaged."""


class MissingExtra(CanvasAgentError):
    """An optional dependency is not installed. Says the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': {install_advice(extra)}")
        self.what, self.extra = what, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """It travels between processes with what it was made from."""
        return type(self), (self.what, self.extra)
