"""Missing requirements of a profile on this machine, for all tools at once, before anything runs.

A backend may have a class method `lacks(config) -> list[str]`: what is missing here, each with how to get it. It
looks only; nothing is loaded or fetched.
"""

from __future__ import annotations

from canvasagent.backends.profile import Profile, backend_class, make_config
from canvasagent.errors import CanvasAgentError, InputError

COMPLETE = ("lite/", "release/")
"""Backends of these need nothing that is not installed with the package."""


def missing_for(profile: Profile, tool: str) -> list[str]:
    """Missing requirements of one tool of a profile; empty if none is known."""
    spec, options = profile.backends[tool], profile.options.get(tool, {})
    if spec.startswith(COMPLETE):
        return []
    try:
        cls = backend_class(spec)
        asked = getattr(cls, "lacks", None)
        return list(asked(make_config(cls, options, spec))) if asked is not None else []
    except CanvasAgentError as error:
        return [str(error)]


def missing_requirements(profile: Profile) -> dict[str, list[str]]:
    """Missing requirements by tool, without tools that lack nothing."""
    by_tool = {tool: missing_for(profile, tool) for tool in profile.backends}
    return {tool: lacks for tool, lacks in by_tool.items() if lacks}


def require_complete(profile: Profile) -> None:
    """Raise `InputError` that lists for each tool what is missing and how to get it."""
    by_tool = missing_requirements(profile)
    if not by_tool:
        return
    lines = "\n".join(f"  {tool}: {'; '.join(lacks)}" for tool, lacks in by_tool.items())
    raise InputError(f"the profile '{profile.name}' cannot run here yet:\n{lines}\n--profile lite needs none of it.")
