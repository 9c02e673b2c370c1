"""One row of RL Parquet as a task: ours back as it was, a released one with its labels under our names."""

from __future__ import annotations

import json
from typing import Any

from canvasagent.craft.imports._pictures import PictureFinder, Unusable
from canvasagent.craft.imports._sft import instruction_in
from canvasagent.craft.pictures import Split
from canvasagent.craft.placeholders import PLACEHOLDER, placeholders
from canvasagent.craft.records import ChatMessage, RlRecord
from canvasagent.tools import find_tool


def task_of(
    row: dict[str, Any], record_id: str, split: Split, finder: PictureFinder
) -> tuple[RlRecord, dict[str, bytes]]:
    """The record and its pictures. Raises `Unusable`, and ValueError (pydantic's included) for what is no task."""
    named = list(row.get("images") or [])
    found = [finder.get(name) for name in named]
    images, pictures = [key for key, _ in found], dict(found)
    extra = row.get("extra_info") or {}
    prompt = [ChatMessage.model_validate(message) for message in row.get("prompt") or []]
    if not (instruction := instruction_in(prompt)):
        raise Unusable("no request", "the prompt has no user message with a request in it.")
    if (count := placeholders(prompt)) != len(images):
        raise Unusable("pictures and placeholders differ", f"{count} × {PLACEHOLDER}, {len(images)} images.")
    tools = _labels((row.get("reward_model") or {}).get("ground_truth"))
    own = json.loads(extra["canvascraft"]) if extra.get("canvascraft") else None
    if own is not None and own.pop("kind") == "rl":
        own |= {"images": images, "expected_tools": tools, "checks": json.loads(extra["checks"])}
        return RlRecord.model_validate(own), pictures
    told = {name: value for name, value in row.items() if name != "images"}
    told["images"] = [name.get("image") or name.get("path") if isinstance(name, dict) else name for name in named]
    record = RlRecord(
        id=record_id,
        split=split,
        chain=own["chain"] if own is not None else "released",
        instruction=own["instruction"] if own is not None else instruction,
        images=images,
        expected_tools=tools,
        difficulty=own["difficulty"] if own is not None else {},
        checks=json.loads(extra["checks"]) if own is not None else [],
        meta={"source": "released", "released": told},
    )
    return record, pictures


def _labels(truth: Any) -> list[str]:
    """Expected tools under their wire names; the release writes `Edit`, `Overlay`, and may write JSON in a string."""
    if isinstance(truth, str):
        try:
            truth = json.loads(truth)
        except ValueError:
            truth = [part.strip() for part in truth.replace("->", ",").split(",")]
    labels = [str(label) for label in truth or []]
    return [tool.name if (tool := find_tool(label)) is not None else label for label in labels]
