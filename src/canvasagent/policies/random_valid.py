"""Valid calls at random, then the end: what well-formedness alone earns. `random-valid:SEED` draws other ones.

Every call is sound (tools, ids, kinds, boxes); what it does has nothing to do with the request.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from canvasagent.errors import InputError
from canvasagent.policies.base import PolicySettings, TurnPolicy
from canvasagent.protocol.conversation import Message, last_request, shown
from canvasagent.protocol.turns import ToolCall, parse, render_turn

MOST = 5
"""Calls that a run makes at most: fewer than a benchmark's turn limit allows."""
EDITS = ("make it brighter", "make it warmer", "increase the contrast", "make it black and white", "sharpen it")
SOUGHT = ("the text", "face", "dog", "car", "tree", "red circle")
SCENES = ("a dog in a park", "a red car on a street", "two trees in a field", "a boat on the sea")


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
    choices: dict[str, dict[str, Any]] = {
        "ImageGeneration": {"prompt": chance.choice(SCENES)},
        "ImageEdit": {"image": image, "edit_prompt": chance.choice(EDITS)},
        "Grounding": {"image": image, "reference_text": chance.choice(SOUGHT)},
        "SAM": {"image": image, "bbox": box},
        "Overlayer": {
            "base_image": image,
            "overlay_type": "text",
            "content": chance.choice(words),
            "position": [chance.randint(200, 800), chance.randint(200, 800)],
        },
        "Crop": {"image": image, "bbox": box},
        "OCR": {"image": image},
        "Rotate": {"image": image, "angle": chance.choice((45, 90, 180))},
        "Flip": {"image": image},
    }
    if image in inputs:  # 4× of 4× would be larger than pictures may be
        choices["SR"] = {"image": image}
    if masks:
        mask = chance.choice(sorted(masks))
        choices["Extract"] = {"image": masks[mask], "mask": mask}
    tool = chance.choice(sorted(choices))
    return tool, choices[tool]


def _masks(after: Sequence[Message]) -> dict[str, str]:
    """From each mask to the picture that it was made on."""
    found: dict[str, str] = {}
    for turn, observation in pairwise(after):
        if turn.role != "assistant" or observation.role != "tool":
            continue
        call, made = parse(turn.text).call, shown(observation).made
        if call is not None and call.name == "SAM" and made is not None:
            found[made] = str(call.arguments["image"])
    return found


def create(argument: str | None, settings: PolicySettings) -> TurnPolicy:
    """The policy; its argument is a seed. Raises `InputError` for one that is no whole number."""
    if not argument:
        return TurnPolicy("random-valid", next_turn)
    if not re.fullmatch(r"\d{1,9}", argument):
        raise InputError(f"the seed of random-valid must be a whole number, not '{argument}'.")
    return TurnPolicy(f"random-valid:{argument}", partial(next_turn, seed=int(argument)))
