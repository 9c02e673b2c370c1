"""What does the tools' pixel work: a folder for each built-in profile, a file for each tool in it."""

from __future__ import annotations

from pkgutil import iter_modules


def profile_names() -> list[str]:
    """The built-in profiles: the folders that hold backends."""
    return sorted(info.name for info in iter_modules(__path__) if info.ispkg)
