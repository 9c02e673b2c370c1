"""LLaMA-Factory: its `sharegpt` formatting with roles as OpenAI names them, `dataset_info.json`, picture files.

It wants the turns to alternate (user or tool, then assistant) and to end with the assistant; what does not is left
out and counted. Each row has the tools' schemas as `tools`; `dataset_info.json` does not name that column, because
the system message tells of the tools already and LLaMA-Factory would tell of them a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View
from canvasagent.craft.exports._files import PictureFiles, readme, write_list
from canvasagent.craft.records import ChatMessage, SftRecord

KINDS = ("sft",)
LOSES = "all but messages and shown pictures (chain, checks, difficulty, plan, trajectory, meta)"
NAME = "canvascraft_{split}"


def write(view: View, out: Path) -> list[str]:
    """Write `canvascraft_train.json`, …, `dataset_info.json` and `images/`."""
    files, left_out, info = PictureFiles(view, out), list[str](), dict[str, Any]()
    for split in view.splits:
        name = NAME.format(split=split)
        write_list(out / f"{name}.json", _items(view, split, files, left_out))
        info[name] = {
            "file_name": f"{name}.json",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "observation_tag": "tool",
                "function_tag": "function",
                "system_tag": "system",
            },
        }
    (out / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", "utf-8")
    text = (
        "For LLaMA-Factory: `dataset_dir: THIS FOLDER`, `media_dir: THIS FOLDER`, `dataset: canvascraft_train`. "
        'To let it write its own words on the tools, add `"tools": "tools"` to the columns in `dataset_info.json` '
        "and drop the system messages."
    )
    (out / "README.md").write_text(readme(view, "", text), "utf-8")
    if not left_out:
        return []
    return [f"{len(left_out)} records were left out: their turns do not alternate ({left_out[0]}, …)."]


def _items(view: View, split: str, files: PictureFiles, left_out: list[str]) -> Iterator[dict[str, Any]]:
    from canvasagent.tools import all_tools

    tools = json.dumps([tool.schema() for tool in all_tools().values()], ensure_ascii=False)
    for record in view.rows(split):
        assert isinstance(record, SftRecord)
        if not alternates(record.messages):
            left_out.append(record.id)
            view.records[split] -= 1
            continue
        yield {
            "messages": [message.model_dump() for message in record.messages],
            "images": [files.path(key) for key in record.images],
            "tools": tools,
        }


def alternates(messages: list[ChatMessage]) -> bool:
    """Whether the turns go as LLaMA-Factory wants them."""
    roles = [message.role for message in messages]
    turns = roles[1:] if roles and roles[0] == "system" else roles
    wanted = (("user", "tool"), ("assistant",))
    return len(turns) % 2 == 0 and all(role in wanted[number % 2] for number, role in enumerate(turns))
