"""What a check is: a verifiable statement on a run's result, measured by other means than the tool that made it.

A file in `checks/` defines `CHECK = Check(...)` and is found by its name. A task names checks as data:

    {"check": "text_readable", "text": "SALE"}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of every check's parameters: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Result:
    """What a check may look at: the final picture, the inputs, the words of the answer."""

    final: Image.Image | None
    inputs: tuple[Image.Image, ...] = ()
    answer: str | None = None


@dataclass(frozen=True)
class Finding:
    """What a check found: how far the statement holds (0 to 1), whether that is enough, and why, in words."""

    score: float
    passed: bool
    why: str
    measured: bool = True
    """False where the means do not reach: whether the statement holds is not known, and it never counts as passed."""

    def __post_init__(self) -> None:
        """Numbers of NumPy become Python's: findings are written as JSON."""
        object.__setattr__(self, "score", float(self.score))
        object.__setattr__(self, "passed", bool(self.passed))


def not_measured(why: str) -> Finding:
    """What a check says that has no means to tell: no score, not passed, and not failed either."""
    return Finding(0.0, False, f"cannot be measured: {why}", measured=False)


@dataclass(frozen=True)
class Example:
    """A result made to satisfy a check, or to break it, for its gold validation."""

    parameters: Mapping[str, Any]
    result: Result
    holds: bool
    severity: float = 1.0
    """How badly it is broken, 0 to 1; of one that holds, how easy it is to see."""


@dataclass(frozen=True)
class Check:
    """The one definition of a check."""

    name: str
    summary: str
    """The statement, in words."""
    parameters: type[Parameters]
    measure: Callable[[Any, Result], Finding]
    """Hold the statement against a result. A missing picture is a finding (0, not passed), never an exception."""
    examples: Callable[[int], Iterable[Example]]
    """Gold validation: results that satisfy and results that break it, at several severities, from a seed."""
    means: str
    """By what means it measures, and where no other means exists than the tool's own: says so."""
    about: Literal["picture", "answer"] = "picture"
    """What it looks at: `not` holds of a missing picture only where the picture does not matter."""
    version: str = "1"
