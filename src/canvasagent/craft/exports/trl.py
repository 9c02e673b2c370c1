"""TRL: messages of content blocks, with the pictures inline.

`SFTTrainer` does not fill the placeholders of `tool` messages from an `images` column, so each picture must stand in
its message. PIL pictures cannot be kept in a Parquet file's messages: the rows hold the blocks with a picture's
number, and `load.py`, written beside them, puts the pictures in when a row is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View
from canvasagent.craft.exports._files import (
    configs,
    expected_tools,
    picture_struct,
    prompt_of,
    readme,
    with_features,
    write_parquet,
)
from canvasagent.craft.placeholders import PLACEHOLDER
from canvasagent.craft.records import ChatMessage, SftRecord
from canvasagent.craft.store.layout import to_json

KINDS = ("sft", "rl")
LOSES = "the trajectory's record, the plan and the meta data"

LOADER = '''"""Open these rows for TRL: pictures stand inside the messages. Needs `datasets` and `pillow`."""

from pathlib import Path

from datasets import Dataset, load_dataset


def load(split: str = "train", folder: str | Path = Path(__file__).parent) -> Dataset:
    """The rows of a split; give them to SFTTrainer (`messages`) or GRPOTrainer (`prompt`) as they are."""
    files = sorted(str(path) for path in Path(folder).glob(f"data/{split}-*.parquet"))
    return load_dataset("parquet", data_files=files, split="train").with_transform(_with_pictures)


def _with_pictures(batch: dict) -> dict:
    (column,) = {"messages", "prompt"} & batch.keys()
    filled = [_filled(messages, pictures) for messages, pictures in zip(batch[column], batch["pictures"])]
    others = {name: values for name, values in batch.items() if name not in (column, "pictures")}
    return {column: filled, "images": [[] for _ in filled], **others}


def _filled(messages: list, pictures: list) -> list:
    """Messages whose blocks have pictures in the place of their numbers."""
    return [
        {
            "role": message["role"],
            "content": [
                {"type": "image", "image": pictures[block["image"]]}
                if block["type"] == "image"
                else {"type": "text", "text": block["text"]}
                for block in message["content"]
            ],
        }
        for message in messages
    ]
'''


def write(view: View, out: Path) -> list[str]:
    """Write `data/train-00000.parquet`, …, `load.py` and a README."""
    for split in view.splits:
        rows = ((row, sum(len(image["bytes"]) for image in row["pictures"])) for row in _rows(view, split))
        write_parquet(out / "data", split, _schema(view.kind == "sft"), rows)
    (out / "load.py").write_text(LOADER, "utf-8")
    text = (
        "For TRL: `from load import load; SFTTrainer(..., train_dataset=load('train'))` with "
        "`assistant_only_loss=True, max_length=None`. The system message tells of the tools; no column does."
    )
    head = configs(view.written, "data/{split}-*.parquet")
    (out / "README.md").write_text(readme(view, head, text), "utf-8")
    return []


def blocks(messages: list[ChatMessage]) -> list[dict[str, Any]]:
    """Messages as content blocks; a picture's block has its number among all of them."""
    number, converted = 0, []
    for message in messages:
        first, *texts = message.content.split(PLACEHOLDER)
        parts: list[dict[str, Any]] = [{"type": "text", "text": first, "image": None}] if first else []
        for text in texts:
            parts.append({"type": "image", "text": None, "image": number})
            number += 1
            if text := text.removeprefix("\n"):
                parts.append({"type": "text", "text": text, "image": None})
        converted.append({"role": message.role, "content": parts})
    return converted


def _rows(view: View, split: str) -> Iterator[dict[str, Any]]:
    for record in view.rows(split):
        trajectory = isinstance(record, SftRecord)
        messages = record.messages if isinstance(record, SftRecord) else prompt_of(record)
        yield {
            "messages" if trajectory else "prompt": blocks(messages),
            "pictures": [{"bytes": view.picture(key), "path": f"{key}.png"} for key in record.images],
            "id": record.id,
            "chain": record.chain,
            "instruction": record.instruction,
            "expected_tools": expected_tools(record),
            "difficulty": {name: record.difficulty.get(name) for name in "RLD"},
            "checks": to_json(record.checks),
        }


def _schema(trajectory: bool) -> Any:
    import pyarrow as pa

    text, name = pa.string(), "messages" if trajectory else "prompt"
    block = pa.struct([("type", text), ("text", text), ("image", pa.int32())])
    value, number = {"_type": "Value", "dtype": "string"}, {"_type": "Value", "dtype": "int32"}
    schema = pa.schema(
        [
            (name, pa.list_(pa.struct([("role", text), ("content", pa.list_(block))]))),
            ("pictures", pa.list_(picture_struct())),
            *((plain, text) for plain in ("id", "chain", "instruction")),
            ("expected_tools", pa.list_(text)),
            ("difficulty", pa.struct([("R", text), ("L", text), ("D", text)])),
            ("checks", text),
        ]
    )
    features = {
        name: [{"role": value, "content": [{"type": value, "text": value, "image": number}]}],
        "pictures": {"_type": "Sequence", "feature": {"_type": "Image"}},
        **{plain: value for plain in ("id", "chain", "instruction", "checks")},
        "expected_tools": {"_type": "Sequence", "feature": value},
        "difficulty": {"R": value, "L": value, "D": value},
    }
    return with_features(schema, features)
