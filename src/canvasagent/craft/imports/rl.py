"""One row of RL Parquet as a task: ours back as it was, a released one with its labels under our names."""

from __future__ import annotations

from typing import Any

from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.sft import instruction_in
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.craft.pictures import Split
from canvasagent.craft.placeholders import PLACEHOLDER, placeholders
from canvasagent.craft.records import ChatMessage, RlRecord
from canvasagent.storage.foreign_json import plain, read_json, type_word
from canvasagent.tools import find_tool


def task_of(
    row: dict[str, Any], record_id: str, split: Split, finder: PictureFinder
) -> tuple[RlRecord, dict[str, bytes]]:
    """The record and its pictures. Raises `UnusableItem`, and ValueError (pydantic's included) for what is no task."""
    named = row.get("images") or []
    named = named if isinstance(named, list) else [named]
    matches = [finder.get(name) for name in named]
    images, pictures = [key for key, _ in matches], dict(matches)
    prompt = _prompt(row)
    if not (instruction := instruction_in(prompt)):
        raise UnusableItem("no request", "the prompt has no user message with a request in it.")
    if (count := placeholders(prompt)) != len(images):
        raise UnusableItem("pictures and placeholders differ", f"{count} × {PLACEHOLDER}, {len(images)} images.")
    tools = _labels(_part(row, "reward_model").get("ground_truth"))
    extra = _part(row, "extra_info")
    own, checks = _own(extra)
    if own.pop("kind", None) == "rl":
        own |= {"images": images, "expected_tools": tools, "checks": checks}
        return RlRecord.model_validate(own), pictures
    source_row = {name: value for name, value in row.items() if name != "images"}
    source_row["images"] = [name.get("image") or name.get("path") if isinstance(name, dict) else name for name in named]
    known = {"chain": "released", "instruction": instruction, "difficulty": {}}
    fields = {name: own.get(name, value) for name, value in known.items()}
    fields |= {"id": record_id, "split": split, "images": images, "expected_tools": tools, "checks": checks}
    return RlRecord.model_validate({**fields, "meta": {"source": "released", "released": plain(source_row)}}), pictures


def _prompt(row: dict[str, Any]) -> list[ChatMessage]:
    messages = row.get("prompt") or []
    if not isinstance(messages, list):
        raise UnusableItem("no request", "the prompt is no list of messages.")
    return [ChatMessage.model_validate(message) for message in messages]


def _part(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that is a structure; an empty one where it is left out."""
    part = row.get(name) or {}
    if not isinstance(part, dict):
        raise UnusableItem("odd fields", f"'{name}' is of type {type_word(part)}, not a structure.")
    return part


def _own(extra: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The rest of a record of ours, as its export keeps it, and its checks; nothing where the row is not ours."""
    kept = extra.get("canvascraft")
    if not kept:
        return {}, []
    own = read_json(kept) if isinstance(kept, str) else None
    checks = extra.get("checks")
    if not isinstance(own, dict) or not isinstance(checks, str):
        raise UnusableItem("odd fields", "'extra_info' has 'canvascraft', which is not as an export writes it.")
    return own, read_json(checks)


def _labels(truth: Any) -> list[str]:
    """Expected tools under their wire names; the release writes `Edit`, `Grounding->Crop`, and may write JSON in a
    string.
    """
    if isinstance(truth, str):
        try:
            truth = read_json(truth)
        except ValueError:
            truth = truth.split(",")
    if not isinstance(truth or [], list):
        raise UnusableItem(
            "odd fields", f"'reward_model.ground_truth' is of type {type_word(truth)}, not a list of tools."
        )
    labels = [part.strip() for label in truth or [] for part in str(label).split("->")]  # also paths: Grounding->Crop
    return [tool.name if (tool := find_tool(label)) is not None else label for label in labels]
