"""How fast tasks are built, and what fell where.

    python benchmarks/rl_build.py [--n 1000] [--verify 1] [--workers 2] [--out DIR]
    python benchmarks/rl_build.py --existing DIR --seconds S --cpu-seconds S [--note "the machine was shared"]

The second form takes the figures from a dataset that `canvasagent craft rl` has built, with the times that were taken
of that command. A thousand tasks with every gold plan carried out take more than half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from device import device, write_results

from canvasagent.craft.builder import build
from canvasagent.craft.funnel import FUNNEL
from canvasagent.craft.plan import Plan
from canvasagent.craft.rl.tasks import settings_for
from canvasagent.craft.store import Dataset
from canvasagent.craft.tally import table_3, tally
from canvasagent.craft.writers.diversity import distinct, unique_share, words


def figures(folder: Path, seconds: float, cpu: float | None) -> dict[str, Any]:
    """What a dataset tells of its build."""
    told = json.loads((folder / FUNNEL).read_text("utf-8"))
    with Dataset.open(folder) as dataset:
        counts, records = tally(dataset), list(dataset.rl())
    fell = {stage["stage"]: stage["fell"] for stage in told["stages"] if stage["fell"]}
    verified = sum(bool(record.meta.get("verified")) for record in records)
    failed = sum(count for stage, count in fell.items() if stage.startswith("gold: ") or stage == "done already")
    turned = Counter(
        (branch.condition.kind, "yes" if branch.condition.holds else "no")
        for record in records
        for branch in Plan.model_validate(record.plan).branches()
    )
    said = [record.instruction for record in records]
    return {
        "tasks": len(records),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1) if cpu is not None else None,
        "tasks_a_minute": round(len(records) / seconds * 60, 1),
        "tasks_a_cpu_minute": round(len(records) / cpu * 60, 1) if cpu else None,
        "fell": {"tries": told["tries"], **fell},
        "gold_runs": {"made": verified + failed, "passed": verified, "share": _share(verified, verified + failed)},
        "splits": dict(counts.splits),
        "table_3": {axis: {line.name: line.here for line in lines} for axis, lines in table_3(counts).items()},
        "inputs": {str(number): count for number, count in sorted(counts.inputs.items())},
        "conditions": {f"{kind}: {way}": count for (kind, way), count in sorted(turned.items())},
        "checks_a_task": round(sum(len(record.checks) for record in records) / len(records), 2),
        "instructions": {
            "unique_share": unique_share(said),
            "distinct_2": round(distinct(said, 2), 4),
            "words_median": sorted(len(words(text)) for text in said)[len(said) // 2],
            "words_most": max(len(words(text)) for text in said),
        },
        "settings": {name: value for name, value in told["settings"].items() if name not in ("cells", "marginals")},
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def main() -> None:
    """Build, or take what was built, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--verify", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--existing", type=Path)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--cpu-seconds", type=float)
    parser.add_argument("--note", default="")
    given = parser.parse_args()
    command = f"canvasagent craft rl --n {given.n} --verify {given.verify:g} --workers {given.workers} --out DIR"
    if given.existing is not None:
        told = figures(given.existing, given.seconds, given.cpu_seconds)
    else:
        folder = given.out or Path(tempfile.mkdtemp()) / "tasks"
        started = time.monotonic()
        build(settings_for(given.n, verify=given.verify), folder, workers=given.workers)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = sum(each.ru_utime + each.ru_stime for each in used)
        told = figures(folder, time.monotonic() - started, cpu)
    note = {"note": given.note} if given.note else {}
    write_results("rl_build", {"command": command, **told, **note, **device()})


if __name__ == "__main__":
    main()
