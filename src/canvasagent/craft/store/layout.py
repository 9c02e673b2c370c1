"""The layout of a dataset's folder: names, columns, the manifest. Written by `writer`, read by `reader`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.craft.placeholders import PLACEHOLDER, placeholders
from canvasagent.craft.records import FORMAT_VERSION, Kind, RlRecord, SftRecord
from canvasagent.errors import InputError, MissingExtra, StorageError
from canvasagent.storage.foreign_json import read_json
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import PlainPath
from canvasagent.version import __version__

MANIFEST = "dataset.json"
CARD = "README.md"
INDEX = ".pictures.sqlite"
RECORDS, PICTURES, REJECTED, REJECTED_PICTURES = "records", "pictures", "rejected", "rejected/pictures"
FOLDERS = (RECORDS, PICTURES, REJECTED, REJECTED_PICTURES)

SHARD_NAME = re.compile(r"(?:(?:train|validation|test)-)?[0-9]{5,}(?:-[0-9]{2,})?\.parquet")
"""Name of a file in `FOLDERS`, whichever split, run, part and revision it is of."""

SHARD_ITEMS = 500
"""Default number of items per run of shards, and the most that a kill can lose."""
PART_BYTES = 256 * 1024 * 1024
"""Bytes of pictures after which another part begins."""
GROUP_PICTURES, GROUP_BYTES = 16, 4 * 1024 * 1024
"""A row group of pictures holds no more than either, so that one picture is read without reading a shard."""
GROUP_ROWS = 50
"""Records in a row group."""
COMPRESSION_LEVEL = 3

Record = SftRecord | RlRecord
RECORD_TYPES: dict[Kind, type[SftRecord] | type[RlRecord]] = {"sft": SftRecord, "rl": RlRecord}
JSON_COLUMNS = {"difficulty", "checks", "trajectory", "plan", "solvability", "meta"}
"""Columns that hold JSON in a string."""


class Rejection(BaseModel):
    """An item that the build rejected."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    """The stage that rejected it: `writer`, `execution`, `check`, …"""
    reason: str
    record: dict[str, Any] | None = None
    """Its content, as far as it was made."""
    images: list[str] = Field(default_factory=list)
    """Hashes of its pictures, as far as they are kept."""


class Shard(BaseModel):
    """A file of the dataset."""

    model_config = ConfigDict(extra="forbid")

    path: PlainPath
    rows: int
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """`dataset.json`."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["canvascraft"] = "canvascraft"
    format_version: int = FORMAT_VERSION
    kind: Kind
    canvasagent: str = __version__
    """Version of the package that wrote it."""
    shard_items: int = Field(default=SHARD_ITEMS, ge=1)
    complete: bool = False
    next_index: int = 0
    """Items below this one are in the shards."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Records by split, `rejected`, `pictures`."""
    settings: dict[str, Any] = Field(default_factory=dict)
    shards: list[Shard] = Field(default_factory=list)

    def below(self, folder: str) -> list[Shard]:
        """The shards that lie in `folder`, in order."""
        return [shard for shard in self.shards if folder_of(shard.path) == folder]


def folder_of(path: str) -> str:
    """The folder of a file of the dataset. Both are written with `/` on every system."""
    return path.rpartition("/")[0]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the dataset in `folder`. Raises `InputError` where there is none, `StorageError` with what is
    wrong with it: damaged, older, newer.
    """
    file = folder / MANIFEST
    try:
        data = json.loads(regular_file(file).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there is no dataset in '{folder}': it has no {MANIFEST}.") from error
    except OSError as error:
        raise StorageError(f"'{file}' cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise StorageError(f"'{file}' is damaged: {error}.") from error
    if not isinstance(data, dict) or data.get("format") != "canvascraft":
        raise InputError(f"'{file}' does not describe a dataset of CanvasCraft.")
    _check_version(folder, data.get("format_version"))
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise StorageError(f"'{file}' is damaged: {where}: {problem['msg']}.") from error


def _check_version(folder: Path, version: object) -> None:
    if version == FORMAT_VERSION:
        return
    what = (
        f"the dataset in '{folder}' has format version {version!r}; this version of canvasagent reads {FORMAT_VERSION}"
    )
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise StorageError(f"{what}. Use a newer canvasagent.")
    if isinstance(version, int):
        raise StorageError(
            f"{what}. Read it with the canvasagent that wrote it, export it, and import the export here."
        )
    raise StorageError(f"{what}.")


def need_pyarrow() -> None:
    """Raise `MissingExtra` where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingExtra("reading and writing datasets", "craft") from error


def named_by(record: Record) -> set[str]:
    """Hashes of the pictures that a record names. Raises ValueError where its messages name more or fewer."""
    if isinstance(record, RlRecord):
        return set(record.images)
    if (count := placeholders(record.messages)) != len(record.images):
        raise ValueError(f"record {record.id} has {count} × {PLACEHOLDER} and {len(record.images)} images.")
    return {*record.images, *([record.final] if record.final is not None else [])}


def to_json(value: Any) -> str:
    """`value` in the canonical JSON form of columns. Raises ValueError for what JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def row_of(index: int, record: Record) -> dict[str, Any]:
    """A record as a row of its shard. Raises ValueError for what no file can hold: NaN, half a character."""
    row: dict[str, Any] = {"index": index, **record.model_dump()}
    for name in JSON_COLUMNS & row.keys():
        row[name] = None if row[name] is None else to_json(row[name])
    to_json(row).encode("utf-8")
    return row


def rejected_row(index: int, rejected: Rejection) -> dict[str, Any]:
    """A rejected item as a row of its shard. Raises ValueError as `row_of`."""
    record = None if rejected.record is None else to_json(rejected.record)
    row = {**rejected.model_dump(), "index": index, "record": record}
    to_json(row).encode("utf-8")
    return row


def record_of(kind: Kind, row: dict[str, Any]) -> Record:
    """The record in a row. Raises ValueError (pydantic's included) where the row is none."""
    fields = {name: value for name, value in row.items() if name != "index"}
    for name in JSON_COLUMNS & fields.keys():
        fields[name] = None if fields[name] is None else read_json(fields[name])
    return RECORD_TYPES[kind].model_validate(fields)


def record_schema(kind: Kind) -> Any:
    """Columns of a record shard."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    head = [("index", pa.int64()), ("id", text), ("split", text), ("chain", text), ("instruction", text)]
    if kind == "sft":
        message = pa.struct([("role", text), ("content", text)])
        body = [
            ("messages", pa.list_(message)), ("images", texts), ("inputs", pa.int32()), ("final", text),
            ("answer", text), ("tools", texts), ("difficulty", text), ("checks", text), ("trajectory", text),
            ("plan", text), ("meta", text),
        ]  # fmt: skip
    else:
        body = [
            ("images", texts), ("expected_tools", texts), ("difficulty", text), ("checks", text), ("criteria", texts),
            ("gold_steps", pa.int32()), ("plan", text), ("solvability", text), ("meta", text),
        ]  # fmt: skip
    return pa.schema([*head, *body])


def columns_of(kind: Kind, path: str) -> set[str]:
    """The columns of the shard at `path`."""
    below = folder_of(path)
    schemas = {RECORDS: record_schema(kind), REJECTED: rejected_schema()}
    return set(schemas[below].names) if below in schemas else set(picture_schema().names)


def rejected_schema() -> Any:
    """Columns of a shard of rejected items."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [("index", pa.int64()), ("stage", text), ("reason", text), ("record", text), ("images", pa.list_(text))]
    )


def picture_schema() -> Any:
    """Columns of a picture shard. Its metadata lets `datasets` decode the column `image`."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {
        "hash": {"dtype": "string", "_type": "Value"},
        "image": {"_type": "Image"},
        "width": {"dtype": "int32", "_type": "Value"},
        "height": {"dtype": "int32", "_type": "Value"},
    }
    schema = pa.schema([("hash", pa.string()), ("image", image), ("width", pa.int32()), ("height", pa.int32())])
    return schema.with_metadata({"huggingface": to_json({"info": {"features": features}})})
