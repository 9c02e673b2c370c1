"""Valid calls at random, then the end: what well-formedness alone earns. `random-valid:SEED` draws other ones.

Every call is sound (tools, ids, kinds, boxes); what it does has nothing to do with the request. Tools of others are
called, too, with the arguments of their example.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from canvasagent.canvas import Kind
from canvasagent.errors import InputError
from canvasagent.policies.base import PolicySettings, TurnPolicy
from canvasagent.protocol.conversation import Message, last_request, shown
from canvasagent.protocol.turns import ToolCall, parse, render_turn
from canvasagent.tools import Tool, all_tools, find_tool

MOST = 5
"""Calls that a run makes at most: fewer than a benchmark's turn limit allows."""
SCENES = ("a dog in a park", "a red car on a street", "two trees in a field", "a boat on the sea")
VALUES: dict[str, tuple[Any, ...]] = {
    "prompt": SCENES,
    "edit_prompt": (
        "make it brighter", "make it warmer", "increase the contrast", "make it black and white", "sharpen it",
    ),
    "reference_text": ("the text", "face", "dog", "car", "tree", "red circle"),
    "angle": (45, 90, 180),
}  # fmt: skip
"""What arguments are drawn from, by name; any other one is as in its tool's example."""
GROWING = ("SR",)
"""Tools that are called on inputs alone: 4× of 4× would be larger than pictures may be."""


def next_turn(messages: Sequence[Message], seed: int = 0) -> str:
    """The next call, or the end: drawn from the request, the seed and the number of the turn, so that it needs no
    memory and repeats itself exactly."""
    asked, after = last_request(messages)
    turn = sum(message.role == "assistant" for message in after)
    if turn >= random.Random(f"{seed}/{asked.text}").randint(1, MOST):
        return render_turn("These were the calls that chance had for this request.", None)
    tool, arguments = draw(random.Random(f"{seed}/{turn}/{asked.text}"), asked.imglist, after, asked.text)
    return render_turn(f"Chance picks {tool}.", ToolCall(tool, arguments))


def draw(
    chance: random.Random, inputs: Sequence[str], after: Sequence[Message], request: str
) -> tuple[str, dict[str, Any]]:
    """A tool and arguments that its checks accept, on the pictures that there are."""
    masks = _masks(after)
    listed = [shown(message).imglist for message in after if message.role == "tool"]
    pictures = [name for name in (listed[-1] if listed else inputs) if name not in masks]
    if not pictures:
        return "ImageGeneration", {"prompt": chance.choice(SCENES)}
    image = chance.choice(pictures)
    left, top = chance.randint(0, 600), chance.randint(0, 600)
    box = [left, top, left + chance.randint(100, 400), top + chance.randint(100, 400)]
    words = re.findall(r"[A-Za-z]{3,}", request) or ["thing"]
    choices: dict[str, dict[str, Any]] = {}
    # Tools that need a mask come last: what is drawn for the others does not depend on whether there is one.
    for tool in sorted(all_tools().values(), key=_needs_mask):
        if (_needs_mask(tool) and not masks) or (tool.name in GROWING and image not in inputs):
            continue
        arguments = choices[tool.name] = dict(tool.example)
        mask = chance.choice(sorted(masks)) if _needs_mask(tool) else ""
        for name, value in tool.example.items():
            if kinds := asset_kinds(tool, name):
                arguments[name] = mask if kinds == [Kind.MASK] else masks.get(mask, image)
            elif name == "content":
                arguments[name] = chance.choice(words)
            elif name in VALUES:
                arguments[name] = chance.choice(VALUES[name])
            elif isinstance(value, list):
                arguments[name] = box if len(value) == 4 else [chance.randint(200, 800) for _ in value]
    name = chance.choice(sorted(choices))
    return name, choices[name]


def asset_kinds(tool: Tool, argument: str) -> list[Kind]:
    """The kinds of asset that an argument may name; empty where it names none."""
    extra = tool.arguments.model_fields[argument].json_schema_extra
    return [Kind(str(kind)) for kind in extra.get("asset", ())] if isinstance(extra, dict) else []  # type: ignore[union-attr]


def _needs_mask(tool: Tool) -> bool:
    return any(asset_kinds(tool, name) == [Kind.MASK] for name in tool.example)


def _masks(after: Sequence[Message]) -> dict[str, str]:
    """From each mask to the picture that it was made on."""
    found: dict[str, str] = {}
    for turn, observation in pairwise(after):
        if turn.role != "assistant" or observation.role != "tool":
            continue
        call, made = parse(turn.text).call, shown(observation).made
        tool = find_tool(call.name) if call is not None else None
        if call is not None and tool is not None and tool.makes == "mask" and made is not None:
            found[made] = str(call.arguments[tool.default_image or "image"])
    return found


def create(argument: str | None, settings: PolicySettings) -> TurnPolicy:
    """The policy; its argument is a seed. Raises `InputError` for one that is no whole number."""
    if not argument:
        return TurnPolicy("random-valid", next_turn)
    if not re.fullmatch(r"\d{1,9}", argument):
        raise InputError(f"the seed of random-valid must be a whole number, not '{argument}'.")
    return TurnPolicy(f"random-valid:{argument}", partial(next_turn, seed=int(argument)))
