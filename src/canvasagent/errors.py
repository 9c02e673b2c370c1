"""The exceptions of the package. Each belongs to one boundary, so that callers can tell whose fault it was.

Mistakes of a *policy* are never exceptions but data (see `faults.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.extras import install_advice


class CanvasAgentError(Exception):
    """Base of all exceptions that the package raises on purpose. The message is for users."""


class InputError(CanvasAgentError):
    """A picture, file, option or setting of the user is wrong. The message says what would be right."""


MAX_PROBLEMS = 20
"""Most problems of a file that one message lists."""


def refusal(head: str, problems: Sequence[str]) -> InputError:
    """The error for a file that is used as a whole or not at all: `head`, then a line for each problem."""
    more = [f"… and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
    return InputError("\n".join([f"{head}:", *problems[:MAX_PROBLEMS], *more]))


class ToolRefusal(CanvasAgentError):
    """A backend cannot do what a call asks for. Becomes an observation that the policy can react to."""


class BackendFailure(CanvasAgentError):
    """A backend crashed, hung or was lost: a failure of the infrastructure, never counted against a policy."""


class CallTimeout(BackendFailure):
    """A call exceeded its time limit."""


class Cancelled(BackendFailure):
    """A call was cancelled because nobody waits for its result any more."""


class WeightsError(BackendFailure):
    """Weights that a backend needs are missing, damaged or another model's. Says which, and what to do about it."""


class PolicyFailure(CanvasAgentError):
    """A policy could not answer: its endpoint timed out, refused, or sent something unreadable."""


class OutOfContext(PolicyFailure):
    """The conversation has grown longer than the policy can read or may write: the run is truncated, not failed."""


class TrainingDiverged(CanvasAgentError):
    """The loss of a training is no number. Says at which step and on which data."""


class StorageError(CanvasAgentError):
    """A file could not be written or read: disk full, folder in use, record damaged."""


class MissingExtra(CanvasAgentError):
    """An optional dependency is not installed. Says the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': {install_advice(extra)}")
        self.what, self.extra = what, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Pickle the arguments of the constructor, for exceptions that cross processes."""
        return type(self), (self.what, self.extra)
