"""The tools as MCP lists them, made from their definitions; and the tools of the server's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from mcp_types import Tool as McpTool
from mcp_types import ToolAnnotations

from canvasagent.tools.base import Tool

NAMING = "A picture is named by its id, its path, a file:// address or a data: address."
PICTURE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string", "enum": ["image", "mask", "cutout"]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "uri": {"type": "string"},
        "path": {"type": ["string", "null"]},
    },
    "required": ["id", "kind", "width", "height", "uri", "path"],
}
REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "request": {"type": "string"},
        "status": {"type": "string", "enum": ["running", "met", "unmet", "truncated", "failed", "cancelled"]},
        "turns": {"type": "integer"},
        "text": {"type": "string"},
        "answer": {"type": ["string", "null"]},
        "unmet": {"type": "array", "items": {"type": "string"}},
        "folder": {"type": ["string", "null"]},
        "picture": PICTURE,
    },
    "required": ["request", "status", "turns", "text"],
}
ID = {"request": {"type": "string", "description": "id that start_request returned"}}
NEW_EACH_TIME = ("start_request", "use_tool")
"""Own tools whose repetition does more than the first call did."""
PICTURE_NAME = {"type": "string", "description": NAMING}


def title_of(name: str) -> str:
    """`ImageGeneration` → `Image generation`; `OCR` stays."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[:1] + (words[1:].lower() if not words.isupper() else words[1:])


def tool_definition(tool: Tool) -> McpTool:
    """One of the picture tools: its schema, its result, what it does to its surroundings."""
    reads = tool.makes == "text"
    properties: dict[str, Any] = {"text": {"type": "string"}, "findings": {}}
    required = ["text"]
    if not reads:
        properties = {"text": {"type": "string"}, "picture": PICTURE}
        required = ["text", "picture"]
    return McpTool(
        name=tool.slug,
        title=title_of(tool.name),
        description=f"{tool.summary} {NAMING} Coordinates run from 0 to 1000 in both directions.",
        input_schema=tool.schema()["function"]["parameters"],
        output_schema={"type": "object", "properties": properties, "required": required},
        annotations=_hints(tool.name, reads),
    )


def own_definitions() -> list[McpTool]:
    """The server's own tools: requests to the agent, and pictures at full size."""
    start = {
        "instruction": {"type": "string", "description": "what to make or change, in words"},
        "images": {"type": "array", "items": PICTURE_NAME, "description": "the pictures it is about"},
        "seed": {"type": "integer", "minimum": 0, "default": 0},
    }
    seconds = {"seconds": {"type": "number", "minimum": 0, "maximum": 50, "default": 30}}
    picture = {"picture": PICTURE_NAME, "full": {"type": "boolean", "default": False}}
    shown = {"type": "object", "properties": {"text": {"type": "string"}, "picture": PICTURE}}
    return [
        _own(
            "start_request",
            "Start a request of several steps; returns its id at once. Then call wait.",
            start,
            REQUEST,
            ["instruction"],
        ),
        _own(
            "wait",
            "Wait for a request, at most 50 seconds; call it again while the status is running.",
            {**ID, **seconds},
            REQUEST,
            ["request"],
            reads=True,
        ),
        _own("status", "What a request has done so far, without waiting.", ID, REQUEST, ["request"], reads=True),
        _own("cancel", "Stop a request.", ID, REQUEST, ["request"]),
        _own(
            "show_picture",
            "Show a picture: a preview, or with full=true all of it as PNG.",
            picture,
            shown,
            ["picture"],
            reads=True,
        ),
    ]


def compact_definitions() -> list[McpTool]:
    """Three tools instead of sixteen, for models whose context is small."""
    name = {"name": {"type": "string", "description": "name of a tool, from list_tools"}}
    arguments = {"arguments": {"type": "object", "description": "its arguments, as describe_tool says"}}
    return [
        _own("list_tools", "The names of all tools, each with a line on what it does.", {}, None, [], reads=True),
        _own("describe_tool", "The arguments of a tool as JSON schema.", name, None, ["name"], reads=True),
        _own("use_tool", "Use a tool by its name.", {**name, **arguments}, None, ["name", "arguments"]),
    ]


def catalogue(tools: Iterable[Tool]) -> dict[str, McpTool]:
    """All tools of a server by name."""
    return {one.name: one for one in [*map(tool_definition, tools), *own_definitions()]}


def _own(
    name: str,
    description: str,
    properties: dict[str, Any],
    output: dict[str, Any] | None,
    required: list[str],
    *,
    reads: bool = False,
) -> McpTool:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    title = name.replace("_", " ").capitalize()
    return McpTool(
        name=name,
        title=title,
        description=description,
        input_schema=schema,
        output_schema=output,
        annotations=_hints(title, reads, again=name not in NEW_EACH_TIME),
    )


def _hints(title: str, reads: bool, *, again: bool = True) -> ToolAnnotations:
    """A tool that makes a picture writes a new file and changes nothing that is there."""
    return ToolAnnotations(title=title_of(title), read_only_hint=reads, destructive_hint=False, idempotent_hint=again)
