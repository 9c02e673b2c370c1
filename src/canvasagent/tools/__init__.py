"""The eleven tools, and those of others: a module with a `TOOL` is one.

Another package adds one through the entry point group `canvasagent.tools`, whose value is either such a module or the
`Tool` itself; a user, by a file in `CANVASAGENT_PLUGINS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from canvasagent.errors import InputError
from canvasagent.plugins import Kind, modules_in, plugin_files
from canvasagent.tools.base import Tool

TOOLS = Kind(
    noun="tool",
    modules=lambda: modules_in(__name__, helpers=("base", "check", "listing", "slots")),
    attribute="TOOL",
    shape="a canvasagent.tools.Tool",
    is_part=lambda value: isinstance(value, Tool),
    names_of=lambda tool: tool.names,
    group="canvasagent.tools",
)
NAME = re.compile(r"(?!img$)[A-Za-z][A-Za-z0-9]*")
"""What a tool may be called: the ids of what it makes, and their file names, begin with it. Inputs are `img_N`."""

_ORDER = (
    "ImageGeneration", "ImageEdit", "Grounding", "SAM", "Extract", "Overlayer", "Crop", "OCR", "Rotate", "Flip", "SR",
)  # fmt: skip
"""The order of the paper's Table 1, kept in prompts and listings; other tools come after."""


def all_tools() -> Mapping[str, Tool]:
    """Every tool there is, by wire name. Raises `InputError` if two claim one name."""
    return _all_tools(plugin_files())


@cache
def _all_tools(files: tuple[str, ...]) -> Mapping[str, Tool]:
    """`all_tools`, where `files` are the plug-in files."""
    tools = TOOLS.load_all()
    for name in tools:
        if not NAME.fullmatch(name):
            raise InputError(f"the tool name '{name}' must be letters and digits, a letter first: ids are made of it.")
    rank = {name: index for index, name in enumerate(_ORDER)}
    return {name: tools[name] for name in sorted(tools, key=lambda name: (rank.get(name, len(rank)), name))}


def find_tool(name: str) -> Tool | None:
    """The tool of that wire name or alias, or None."""
    tools = all_tools()
    return tools.get(name) or next((tool for tool in tools.values() if name in tool.names), None)


__all__ = ["NAME", "TOOLS", "Tool", "all_tools", "find_tool"]
