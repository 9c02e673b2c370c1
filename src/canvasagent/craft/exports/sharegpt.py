"""ShareGPT JSON with picture files: the form of the released trajectories.

Each item has `messages` (role, content) and `images` (paths relative to the folder, in the order of the
placeholders). All that the form has no place for is kept beside them under `canvascraft`, so nothing is lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View, rest_of
from canvasagent.craft.exports._files import PictureFiles, readme, write_list
from canvasagent.craft.records import SftRecord

KINDS = ("sft",)
LOSES = ""


def write(view: View, out: Path) -> list[str]:
    """Write `train.json` and the other splits, and `images/`."""
    files = PictureFiles(view, out)
    for split in view.splits:
        write_list(out / f"{split}.json", (_item(view, record, files) for record in view.rows(split)))
    text = "Trajectories in ShareGPT form: `messages` with `<image>` placeholders, `images` as relative paths."
    (out / "README.md").write_text(readme(view, "", text), "utf-8")
    return []


def _item(view: View, record: Any, files: PictureFiles) -> dict[str, Any]:
    assert isinstance(record, SftRecord)
    others = [key for key in view.pictures_of(record) if key not in record.images]
    return {
        "id": record.id,
        "messages": [message.model_dump() for message in record.messages],
        "images": [files.path(key) for key in record.images],
        "canvascraft": {
            **rest_of(record, {"id", "messages", "images"}),
            "other_images": [files.path(key) for key in others],
        },
    }
