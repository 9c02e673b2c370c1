"""The frozen CanvasBench-250."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.bench import load_bench
from canvasagent.evaluation.tasks import EvalTask, Loaded


def load(path: Path) -> Loaded:
    """Its tasks and its checksum. Raises `InputError` if one of its files was changed."""
    bench = load_bench()
    tasks = [
        EvalTask(
            item.task(),
            gold=item.plan,
            gold_steps=len(item.plan.path()),
            chain=item.plan.chain,
            max_turns=item.max_turns,
        )
        for item in bench.tasks
    ]
    return Loaded(tasks, bench.version if bench.frozen else f"{bench.version}, not frozen")
