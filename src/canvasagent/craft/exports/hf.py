"""Parquet for `datasets`: every record with its pictures in the row, as an Image feature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvasagent.craft.exports import View
from canvasagent.craft.exports._files import configs, picture_struct, readme, with_features, write_parquet
from canvasagent.craft.records import number_of
from canvasagent.craft.store.layout import row_of

KINDS = ("sft", "rl")
LOSES = "the pictures that only the trajectory names (intermediate ones that no message shows)"


def write(view: View, out: Path) -> list[str]:
    """Write `data/train-00000.parquet`, … and a README that `load_dataset` reads."""
    schema = _schema(view)
    for split in view.splits:
        write_parquet(out / "data", split, schema, _rows(view, split))
    text = (
        "Open with `datasets.load_dataset(PATH)`. `images` and `final` are pictures; `image_hashes` and `final_hash` "
        "name them in the dataset that this is an export of; `trajectory`, `plan`, `checks`, `difficulty` and `meta` "
        "are JSON in strings."
    )
    head = configs(view.written, "data/{split}-*.parquet")
    (out / "README.md").write_text(readme(view, head, text), "utf-8")
    return []


def _rows(view: View, split: str) -> Iterator[tuple[dict[str, Any], int]]:
    for record in view.rows(split):
        number = number_of(record)
        row = row_of(-1 if number is None else number, record)
        row["image_hashes"], row["final_hash"] = row.pop("images"), row.pop("final", None)
        row["images"] = [{"bytes": view.picture(key), "path": f"{key}.png"} for key in row["image_hashes"]]
        last = row["final_hash"]
        row["final"] = None if last is None else {"bytes": view.picture(last), "path": f"{last}.png"}
        size = sum(len(image["bytes"]) for image in row["images"]) + len(row.get("trajectory") or "")
        yield row, size


def _schema(view: View) -> Any:
    """The columns of the native layout, with pictures in the place of hashes."""
    import pyarrow as pa

    from canvasagent.craft.store.layout import record_schema

    plain = [field for field in record_schema(view.kind) if field.name not in ("images", "final")]
    extra = [pa.field("image_hashes", pa.list_(pa.string())), pa.field("final_hash", pa.string())]
    shown = [pa.field("images", pa.list_(picture_struct())), pa.field("final", picture_struct())]
    features = {field.name: _feature(field.type) for field in [*plain, *extra]}
    features |= {"images": {"_type": "Sequence", "feature": {"_type": "Image"}}, "final": {"_type": "Image"}}
    return with_features(pa.schema([*plain, *extra, *shown]), features)


def _feature(kind: Any) -> Any:
    """A column type as `datasets` writes it."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return [inner] if pa.types.is_struct(kind.value_type) else {"_type": "Sequence", "feature": inner}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"_type": "Value", "dtype": str(kind)}
