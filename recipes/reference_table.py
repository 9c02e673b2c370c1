"""Keep the figures of an evaluation as data files: its summary, and one line a run.

    canvasagent eval --policy gold --policy scripted --policy one-call --policy random-valid --out results
    python recipes/reference_table.py results benchmarks/results/canvasbench_reference

Writes NAME.json (setup, means with intervals, paired differences, breakdowns) and NAME.csv.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

PARTS = ("overall", "alignment", "aesthetic", "trajectory", "rule")


def line(row: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a run; what has no value is left empty."""
    parts = {part: None if row[part] is None else round(row[part], 4) for part in PARTS}
    passed = None if row["checks"] is None else sum(check["passed"] for check in row["checks"])
    return {
        "policy": row["policy"], "task": row["task"], "status": row["status"], **parts, "length": row["length"],
        "gold_steps": row["gold_steps"], "checks": len(row["checks"] or ()), "passed": passed,
        "failures": " ".join(failure.replace(" ", "_") for failure in row["failures"]),
        "unscored": "; ".join(row["unscored"]),
    }  # fmt: skip


def main() -> None:
    """Read the folder, write the files."""
    folder, name = map(Path, sys.argv[1:])
    told = json.loads((folder / "results.json").read_text("utf-8"))
    rows = [line(row) for row in told.pop("rows")]
    name.with_suffix(".json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    with name.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (row["policy"], row["task"])))


if __name__ == "__main__":
    main()
