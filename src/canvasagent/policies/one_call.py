"""One sensible call, then the end: the reference for what tool use by turns adds.

The whole request goes to the one tool that its words call for, as a person would use a single model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from canvasagent.policies.base import without_argument
from canvasagent.protocol.conversation import Message, last_request
from canvasagent.protocol.turns import ToolCall, render_turn
from canvasagent.task import question_in

_ONLY = re.compile(
    r"^\W*(?:please |can you |could you |just )*"
    r"(?P<verb>rotate|turn|flip|mirror|upscale|enhance|enlarge)\b[^.;,]{0,60}[.!?]?$",
    re.IGNORECASE,
)
"""A request that is nothing but one of these."""
_ANGLE = re.compile(r"\b(\d{1,3})\b")


def next_turn(messages: Sequence[Message]) -> str:
    """The call, or the end after it."""
    asked, after = last_request(messages)
    if any(message.role == "assistant" for message in after):
        return render_turn("That was the one call; its result is what there is.", None)
    tool, arguments = choose(asked.text.strip(), asked.imglist)
    return render_turn(f"One call of {tool} with the whole request.", ToolCall(tool, arguments))


def choose(request: str, pictures: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The tool for a request and its arguments; `pictures` are the ids of the inputs."""
    if not pictures:
        return "ImageGeneration", {"prompt": request}
    image = pictures[0]
    if (only := _ONLY.search(request)) is not None:
        verb = only["verb"].lower()
        if verb in ("flip", "mirror"):
            return "Flip", {"image": image}
        if verb in ("rotate", "turn"):
            angle = _ANGLE.search(request)
            return "Rotate", {"image": image, "angle": int(angle[1]) if angle else 180}
        return "SR", {"image": image}
    question = question_in(request)
    if question is not None and not question.first:
        return ("OCR", {"image": image}) if question.reading else ("Grounding", _sought(request, image))
    return "ImageEdit", {"image": image, "edit_prompt": request}


def _sought(request: str, image: str) -> dict[str, Any]:
    thing = re.search(r"\b(?:the|a|an|any|many)\s+([^.?!,;]{2,60})", request)
    return {"image": image, "reference_text": thing[1] if thing else request[:200]}


create = without_argument("one-call", next_turn)
"""The policy. It takes no argument."""
