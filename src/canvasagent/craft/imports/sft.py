"""One trajectory in ShareGPT form as a record: ours back as it was, a released one as far as it tells of itself."""

from __future__ import annotations

import re
from typing import Any

from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.craft.pictures import Split
from canvasagent.craft.placeholders import PLACEHOLDER, placeholders
from canvasagent.craft.records import ChatMessage, SftRecord
from canvasagent.protocol.turns import parse
from canvasagent.storage.foreign_json import excerpt, plain, type_word
from canvasagent.tools import find_tool

ROLES = {
    "human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool", "function": "tool",
    "tool_response": "tool", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool",
}  # fmt: skip
"""Names of roles in ShareGPT files, and ours."""

_STATE = re.compile(r"\[?[^\[\n]*\bimglist is \{[^}]*\}\s*\]?")
_SAVED = re.compile(r"Output image saved as:\s*([A-Za-z][A-Za-z0-9]*_\d+)")


def trajectory_of(
    item: dict[str, Any], record_id: str, split: Split, finder: PictureFinder
) -> tuple[SftRecord, dict[str, bytes]]:
    """The record and its pictures. Raises `UnusableItem`, and ValueError (pydantic's included) for what is no item."""
    messages = _messages(item)
    named = item.get("images") or []
    named = named if isinstance(named, list) else [named]
    if (count := placeholders(messages)) != len(named):
        raise UnusableItem("pictures and placeholders differ", f"{count} × {PLACEHOLDER}, {len(named)} images.")
    matches = [finder.get(name) for name in named]
    images, pictures = [key for key, _ in matches], dict(matches)
    own = item.get("canvascraft")
    if isinstance(own, dict):
        others = own.get("other_images") or []
        if not isinstance(others, list):
            raise UnusableItem("odd fields", "'canvascraft.other_images' is no list of paths.")
        pictures |= dict(finder.get(path) for path in others)
        fields = {name: value for name, value in own.items() if name != "other_images"}
        fields |= {"id": item.get("id"), "messages": messages, "images": images}
        return SftRecord.model_validate(fields), pictures
    source_fields = plain(
        {name: value for name, value in item.items() if name not in ("messages", "conversations", "images")}
    )
    return _released(messages, images, record_id, split, source_fields), pictures


def _messages(item: dict[str, Any]) -> list[ChatMessage]:
    raw = item.get("messages") or item.get("conversations")
    if not isinstance(raw, list) or not raw:
        raise UnusableItem("no messages", "the item has no list of messages.")
    messages = []
    for message in raw:
        if not isinstance(message, dict):
            raise UnusableItem(
                "odd message", f"a message is an object with role and content; this is {type_word(message)}."
            )
        role = ROLES.get(str(message.get("role", message.get("from"))).lower())
        content = message.get("content", message.get("value"))
        if role is None or not isinstance(content, str):
            raise UnusableItem("odd message", f"a message with the fields {excerpt(', '.join(message))}.")
        messages.append(ChatMessage.model_validate({"role": role, "content": content}))
    if isinstance(item.get("system"), str) and messages[0].role != "system":
        messages.insert(0, ChatMessage(role="system", content=item["system"]))
    return messages


def _released(
    messages: list[ChatMessage], images: list[str], record_id: str, split: Split, source_fields: dict[str, Any]
) -> SftRecord:
    """A record of what the messages say."""
    first = next((number for number, message in enumerate(messages) if message.role == "assistant"), len(messages))
    inputs = placeholders(messages[:first])
    assets = {f"img_{number + 1}": key for number, key in enumerate(images[:inputs])}
    tools, shown, words, final, at = list[str](), list[str](), None, None, inputs
    for message in messages[first:]:
        if message.role == "assistant":
            turn = parse(message.content)
            if turn.call is not None:
                tool = find_tool(turn.call.name)
                tools.append(tool.name if tool is not None else turn.call.name)
            final = turn.final_id if turn.terminate else None
        elif message.role == "tool":
            count = message.content.count(PLACEHOLDER)
            at += count
            if count and tools:
                if saved := _SAVED.search(message.content):
                    assets[saved[1]] = images[at - 1]
                shown += [images[at - 1]] * (tools[-1] != "SAM")
            elif tools and tools[-1] in ("Grounding", "OCR"):
                words = _STATE.sub("", message.content).strip()
    last = shown[-1] if shown else (images[-1] if len(images) > inputs else None)
    return SftRecord(
        id=record_id,
        split=split,
        chain="released",
        instruction=instruction_in(messages[:first]),
        messages=messages,
        images=images,
        inputs=inputs,
        final=assets.get(final or "", last),
        answer=words if last is None else None,
        tools=tools,
        meta={"source": "released", "released": source_fields},
    )


def instruction_in(messages: list[ChatMessage]) -> str:
    """The request in the last user message, without placeholders and asset state."""
    request = next((message.content for message in reversed(messages) if message.role == "user"), "")
    return _STATE.sub("", request.replace(PLACEHOLDER, "")).strip()
