"""The rows of an evaluation as a flat table: CSV, and Parquet that `datasets` opens as the folder stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from canvasagent.evaluation.rows import Row
from canvasagent.storage.files import write_atomically

CSV_NAME, PARQUET_NAME, CARD_NAME = "results.csv", "results.parquet", "README.md"
COLUMNS: dict[str, str] = {
    "policy": "string", "kind": "string", "task": "string", "status": "string", "why": "string",
    "overall": "double", "alignment": "double", "aesthetic": "double", "trajectory": "double", "rule": "double",
    "length": "int64", "expected_tools": "int64", "gold_steps": "int64", "all_checks_pass": "bool",
    "reasoning": "string", "trajectory_length": "string", "tool_diversity": "string", "chain": "string",
    "tools": "string", "inputs": "int64", "failures": "string", "unscored": "string", "checks": "string",
    "judges": "string", "seconds": "double", "cost": "double", "cached": "int64", "folder": "string",
}  # fmt: skip
"""Name and type of every column. Lists and objects are JSON in strings."""


def flat(row: Row) -> dict[str, object]:
    """A row with a plain value in each of `COLUMNS`; None where it is not known."""
    data = row.model_dump()
    levels = dict(zip(("R", "L", "D"), ("reasoning", "trajectory_length", "tool_diversity"), strict=True))
    data |= {column: row.difficulty.get(level) for level, column in levels.items()}
    data["all_checks_pass"] = row.passed
    for name in ("tools", "failures", "unscored", "checks", "judges"):
        data[name] = None if data[name] is None else json.dumps(data[name], ensure_ascii=False, sort_keys=True)
    return {name: data[name] for name in COLUMNS}


def write_flat(folder: Path, title: str, rows: Sequence[Row]) -> None:
    """Write `results.csv` and, where pyarrow is installed, `results.parquet` with a card for `datasets`."""
    table = [flat(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_atomically(folder / CSV_NAME, text.getvalue().encode("utf-8"))
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return
    types = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table, schema), written)
    write_atomically(folder / PARQUET_NAME, written.getvalue())
    write_atomically(folder / CARD_NAME, _card(title, len(rows)).encode("utf-8"))


def _card(title: str, runs: int) -> str:
    head = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: {PARQUET_NAME}\n---\n"
    return (
        f"{head}# {title}\n\nOne row for each of {runs} runs of canvasagent, in {PARQUET_NAME} and {CSV_NAME}. "
        "Open with `datasets.load_dataset(PATH)`. Lists and objects are JSON in strings; an unknown value is null.\n"
    )
