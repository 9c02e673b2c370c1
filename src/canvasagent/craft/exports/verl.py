"""verl's RL Parquet, the form of the released tasks, with the pictures in the rows.

Of trajectories it makes tasks: what was asked, and the tools that were used. `extra_info.canvascraft` keeps the
rest of the record as JSON, so a dataset of tasks comes back equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View, rest_of
from canvasagent.craft.exports._files import expected_tools, picture_struct, prompt_of, readme, write_parquet
from canvasagent.craft.records import SftRecord, number_of
from canvasagent.craft.store.layout import Record, to_json
from canvasagent.storage.foreign_json import dig

KINDS = ("sft", "rl")
LOSES = "of trajectories: the turns (tasks lose nothing)"


def write(view: View, out: Path) -> list[str]:
    """Write `train-00000.parquet` and the other splits."""
    for split in view.splits:
        write_parquet(out, split, _schema(), ((row, _size(row)) for row in _rows(view, split)))
    text = (
        "RL data for verl: `data.train_files=[train-00000.parquet]`, `data.image_key=images`, `agent_name` is "
        "`tool_agent`. The pictures are in the rows, so no path has to exist. `reward_model.ground_truth` are the "
        "expected tools in order; `extra_info.checks` are statements on the result, as JSON."
    )
    (out / "README.md").write_text(readme(view, "", text), "utf-8")
    return []


def _rows(view: View, split: str) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(view.rows(split)):
        inputs = record.images[: record.inputs] if isinstance(record, SftRecord) else record.images
        tools = expected_tools(record)
        yield {
            "data_source": str(dig(record.meta, "released", "data_source") or "canvascraft"),
            "agent_name": "tool_agent",
            "prompt": [message.model_dump() for message in prompt_of(record)],
            "ability": "vision",
            "reward_model": {"ground_truth": tools, "style": "rule"},
            "extra_info": {
                "index": number if number_of(record) is None else number_of(record),
                "split": split,
                "difficulty": {name: record.difficulty.get(name) for name in "RLD"},
                "image_paths": [f"{key}.png" for key in inputs],
                "required_tools": tools,
                "checks": to_json(record.checks),
                "canvascraft": to_json(_rest(record)),
            },
            "images": [{"bytes": view.picture(key), "path": f"{key}.png"} for key in inputs],
        }


def _rest(record: Record) -> dict[str, Any]:
    rest = rest_of(record, {"messages", "images", "trajectory", "expected_tools", "checks"})
    return {"kind": "sft" if isinstance(record, SftRecord) else "rl", **rest}


def _size(row: dict[str, Any]) -> int:
    return sum(len(image["bytes"]) for image in row["images"])


def _schema() -> Any:
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    extra = [
        ("index", pa.int64()), ("split", text), ("difficulty", pa.struct([("R", text), ("L", text), ("D", text)])),
        ("image_paths", texts), ("required_tools", texts), ("checks", text), ("canvascraft", text),
    ]  # fmt: skip
    return pa.schema(
        [
            ("data_source", text),
            ("agent_name", text),
            ("prompt", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("ability", text),
            ("reward_model", pa.struct([("ground_truth", texts), ("style", text)])),
            ("extra_info", pa.struct(extra)),
            ("images", pa.list_(picture_struct())),
        ]
    )
