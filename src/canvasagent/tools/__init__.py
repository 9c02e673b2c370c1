"""The eleven tools, found by file name, and those that installed packages register.

A tool is a module with a `TOOL`. Another package adds one through the entry point group `canvasagent.tools`,
whose value is either such a module or the `Tool` itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules

from canvasagent.errors import InputError
from canvasagent.tools.base import Tool

GROUP = "canvasagent.tools"
NAME = re.compile(r"(?!img$)[A-Za-z][A-Za-z0-9]*")
"""What a tool may be called: the ids of what it makes, and their file names, begin with it. Inputs are `img_N`."""

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
    found += [_registered(point) for point in entry_points(group=GROUP)]
    rank = {name: index for index, name in enumerate(_ORDER)}
    found.sort(key=lambda tool: (rank.get(tool.name, len(rank)), tool.name))
    claimed: dict[str, str] = {}
    for tool in found:
        if not NAME.fullmatch(tool.name):
            raise InputError(
                f"the tool name '{tool.name}' must be letters and digits, a letter first: ids are made of it."
            )
        for name in tool.names:
            if name in claimed:
                raise InputError(f"the tools {claimed[name]} and {tool.name} both claim the name '{name}'.")
            claimed[name] = tool.name
    return {tool.name: tool for tool in found}


def _registered(point: EntryPoint) -> Tool:
    """The tool that an installed package registers. Raises `InputError` that names the package to blame."""
    source = f"the tool '{point.name}' of the installed package '{point.dist.name if point.dist else point.value}'"
    try:
        loaded = point.load()
    except Exception as error:
        raise InputError(f"{source} cannot be loaded: {type(error).__name__}: {error}.") from error
    tool = getattr(loaded, "TOOL", loaded)
    if not isinstance(tool, Tool):
        raise InputError(f"{source} is a {type(tool).__name__}, not a canvasagent.tools.Tool.")
    return tool


def find_tool(name: str) -> Tool | None:
    """The tool of that wire name or alias, or None."""
    tools = all_tools()
    return tools.get(name) or next((tool for tool in tools.values() if name in tool.names), None)


__all__ = ["GROUP", "Tool", "all_tools", "find_tool"]
