"""The system prompt, generated from the tool definitions so that what is read, run and scored cannot differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files

from canvasagent.tools.base import Tool


def system_prompt(tools: Iterable[Tool], max_turns: int) -> str:
    """The system message's text: the contract, and each tool's JSON schema on a line of its own."""
    schemas = "\n".join(json.dumps(tool.schema(), ensure_ascii=False) for tool in tools)
    template = files(__name__).joinpath("system.md").read_text(encoding="utf-8")
    return template.strip().replace("{max_turns}", str(max_turns)).replace("{tools}", schemas)
