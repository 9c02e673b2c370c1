"""ms-swift: JSON lines of `messages` and `images`, its standard form; tasks for GRPO with their fields beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View
from canvasagent.craft.exports._files import PictureFiles, expected_tools, prompt_of, readme, write_lines
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store.layout import to_json

KINDS = ("sft", "rl")
LOSES = "all but messages and shown pictures (of tasks also kept: expected tools, difficulty, checks)"


def write(view: View, out: Path) -> list[str]:
    """Write `train.jsonl`, … and `images/`."""
    files = PictureFiles(view, out)
    for split in view.splits:
        write_lines(out / f"{split}.jsonl", _items(view, split, files))
    text = (
        "For ms-swift: `ROOT_IMAGE_DIR=THIS_FOLDER swift sft --dataset THIS_FOLDER/train.jsonl …`; the paths of the "
        "pictures are relative to this folder. The system message tells of the tools, so there is no `tools` column. "
        "In tasks (GRPO), `expected_tools`, `difficulty` and `checks` (JSON) are passed on to the reward."
    )
    (out / "README.md").write_text(readme(view, "", text), "utf-8")
    return []


def _items(view: View, split: str, files: PictureFiles) -> Iterator[dict[str, Any]]:
    for record in view.rows(split):
        trajectory = isinstance(record, SftRecord)
        messages = record.messages if isinstance(record, SftRecord) else prompt_of(record)
        item: dict[str, Any] = {
            "messages": [message.model_dump() for message in messages],
            "images": [files.path(key) for key in record.images],
        }
        if not trajectory:
            item |= {"expected_tools": expected_tools(record), "checks": to_json(record.checks)}
            item["difficulty"] = to_json(record.difficulty)
        yield item
