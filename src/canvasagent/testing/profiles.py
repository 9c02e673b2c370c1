"""The checks of a whole profile: every tool that it has, and the backend of each."""

from __future__ import annotations

from pathlib import Path

from canvasagent.backends.profile import Profile, load_profile
from canvasagent.errors import CanvasAgentError
from canvasagent.testing.backends import check_backend
from canvasagent.testing.errors import ConformanceError
from canvasagent.testing.tools import check_tool
from canvasagent.tools import all_tools


def check_profile(profile: str | Path | Profile) -> None:
    """Hold every tool and backend of a profile against the contract. Raises `ConformanceError`."""
    try:
        loaded = load_profile(profile)
    except CanvasAgentError as error:
        raise ConformanceError(f"profile '{profile}': {error}") from error
    for name, spec in loaded.backends.items():
        check_tool(all_tools()[name])
        check_backend(spec, loaded.options.get(name))
