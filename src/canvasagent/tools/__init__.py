"""The eleven tools, found by file name, and those that installed packages register.

A tool is a module with a `TOOL`. Another package adds one through the entry point group `canvasagent.tools`,
whose value is either such a module or the `Tool` itself.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from canvasagent.errors import InputError
from canvasagent.tools.base import Tool

GROUP = "canvasagent.tools"
_ORDER = (
    "ImageGeneration", "ImageEdit", "Grounding", "SAM", "Extract", "Overlayer", "Crop", "OCR", "Rotate", "Flip", "SR",
)  # fmt: skip
"""The order of the paper's Table 1, kept in prompts and listings; other tools come after."""


@cache
def all_tools() -> dict[str, Tool]:
    """Every tool there is, by wire name. Raises `InputError` if two claim one name."""
    found = [
        module.TOOL
        for info in iter_modules(__path__)
        if hasattr(module := import_module(f"{__name__}.{info.name}"), "TOOL")
    ]
    for point in entry_points(group=GROUP):
        loaded = point.load()
        found.append(getattr(loaded, "TOOL", loaded))
    rank = {name: index for index, name in enumerate(_ORDER)}
    found.sort(key=lambda tool: (rank.get(tool.name, len(rank)), tool.name))
    claimed: dict[str, str] = {}
    for tool in found:
        for name in tool.names:
            if name in claimed:
                raise InputError(f"the tools {claimed[name]} and {tool.name} both claim the name '{name}'.")
            claimed[name] = tool.name
    return {tool.name: tool for tool in found}


def find_tool(name: str) -> Tool | None:
    """The tool of that wire name or alias, or None."""
    tools = all_tools()
    return tools.get(name) or next((tool for tool in tools.values() if name in tool.names), None)


__all__ = ["GROUP", "Tool", "all_tools", "find_tool"]
