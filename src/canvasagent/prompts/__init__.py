"""The system prompt, generated from the tool definitions so that what is read, run and scored cannot differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from canvasagent.protocol.release import PSEUDO_TOOL
from canvasagent.tools.base import Tool


def system_prompt(tools: Iterable[Tool], max_turns: int) -> str:
    """The system message's text: the contract, and each tool's JSON schema on a line of its own."""
    return _filled("system.md", [tool.schema() for tool in tools], max_turns)


def release_prompt(tools: Iterable[Tool], max_turns: int) -> str:
    """The system message for a checkpoint of the research release, where the task brings none: a block of tools and the
    pseudo-tool that ends a run. Its words are ours; its form is that of the chat template that such models know.
    """
    function = {
        "name": PSEUDO_TOOL,
        "description": "End the run: the request is met.",
        "parameters": {"type": "object", "properties": {}, "required": []},
    }
    schemas = [*(tool.schema() for tool in tools), {"type": "function", "function": function}]
    return _filled("release.md", schemas, max_turns)


def _filled(name: str, schemas: Iterable[dict[str, Any]], max_turns: int) -> str:
    lines = "\n".join(json.dumps(schema, ensure_ascii=False) for schema in schemas)
    template = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return template.strip().replace("{max_turns}", str(max_turns)).replace("{tools}", lines)
