"""How the checker says that something does not conform."""

from __future__ import annotations


class ConformanceError(AssertionError):
    """Something does not keep the contract. Its text names what is wrong and what would be right."""


def require(holds: bool, subject: str, wrong: str) -> None:
    """Raise `ConformanceError` about `subject` unless `holds`."""
    if not holds:
        raise ConformanceError(f"{subject}: {wrong}")
