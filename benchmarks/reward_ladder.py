"""Mean R of judge `local-2` on the rungs of the ladder (`tests/test_reward_ladder.py`), and the gaps with intervals.

    python benchmarks/reward_ladder.py [--tasks 40]

The tasks are the shortest of CanvasBench with one input, two changes and a look; their gold runs use the profile lite.
Prints a line a task, and writes `benchmarks/results/reward_ladder.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from itertools import pairwise
from pathlib import Path

from device import device, write_results

from canvasagent import Agent
from canvasagent.craft.bench.runs import run_gold
from canvasagent.environment import Limits
from canvasagent.evaluation.statistics import estimate, paired_difference
from canvasagent.rewards.hybrid import score

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from helpers import ListPolicy
from judged import TOOLBOX, judged
from test_reward_ladder import JUDGE, rungs, tasks


def main() -> None:
    """Run every rung of every task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=40)
    count = parser.parse_args().tasks
    totals: dict[str, list[float | None]] = {}
    for number, task in enumerate(tasks(count), 1):
        gold = asyncio.run(run_gold(task, TOOLBOX)).trajectory
        for name, texts in rungs(task, gold).items():
            run = Agent(ListPolicy(texts), TOOLBOX, limits=Limits(max_turns=40)).run(task.task())
            totals.setdefault(name, []).append(score(run, "paper", judged(JUDGE, run)).total)
        print(f"{number} of {count}: {task.id}", file=sys.stderr, flush=True)
    order = sorted(totals, key=lambda name: -(found.mean if (found := estimate(totals[name])) else 0.0))
    gaps = [(better, worse, paired_difference(totals[better], totals[worse])) for better, worse in pairwise(order)]
    write_results(
        "reward_ladder",
        {
            "command": f"python benchmarks/reward_ladder.py --tasks {count}",
            **device(),
            "judge": "local-2 (rules, no model)",
            "preset": "paper",
            "rungs": {name: found.model_dump() for name in order if (found := estimate(totals[name])) is not None},
            "gaps": {f"{one} - {other}": gap.model_dump() for one, other, gap in gaps if gap is not None},
        },
    )


if __name__ == "__main__":
    main()
