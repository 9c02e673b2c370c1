"""What the benchmark is made up of, beside what the paper's CanvasBench has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from canvasagent.craft.bench import BenchTask
from canvasagent.craft.difficulty import LEVELS

ASKED: dict[str, dict[str, int]] = {
    "R": {"easy": 19, "medium": 45, "hard": 186},
    "L": {"easy": 12, "medium": 117, "hard": 121},
    "D": {"easy": 58, "medium": 141, "hard": 51},
}
"""Tasks by reasoning, length and diversity (Table 3's CanvasBench)."""
ASKED_INPUTS = {0: 0.27, 1: 0.58, 2: 0.08, 3: 0.06}
"""Shares of tasks by input pictures, as released."""
TASKS = 250
INPUTS_APART = 0.02
"""How far a share of input pictures may be from the asked one."""


class MarginalRow(BaseModel):
    """One row: how many there are, and should be; `asked` is None where nothing is asked."""

    group: str
    """R, L, D, inputs, tool, family, tag or branch."""
    name: str
    here: int
    asked: int | None = None


def marginals(tasks: Sequence[BenchTask]) -> list[MarginalRow]:
    """Counts of everything that is looked after in the benchmark, most frequent first where nothing is asked."""
    lines = [
        MarginalRow(group=axis, name=level, here=_count(tasks, axis)[level], asked=ASKED[axis][level])
        for axis in ASKED
        for level in LEVELS
    ]
    inputs = Counter(len(task.plan.pictures) for task in tasks)
    lines += [
        MarginalRow(group="inputs", name=str(number), here=inputs[number], asked=round(share * TASKS))
        for number, share in ASKED_INPUTS.items()
    ]
    branches = [branch for task in tasks for branch in task.plan.branches()]
    kinds = Counter(f"{item.condition.kind} {'yes' if item.condition.holds else 'no'}" for item in branches)
    rest = {
        "tool": Counter(tool for task in tasks for tool in dict.fromkeys(task.expected_tools)),
        "branch": kinds,
        "tag": Counter(tag for task in tasks for tag in task.tags),
        "family": Counter(task.plan.chain for task in tasks),
    }
    return lines + [
        MarginalRow(group=group, name=name, here=count)
        for group, counts in rest.items()
        for name, count in counts.most_common()
    ]


def astray(tasks: Sequence[BenchTask]) -> list[str]:
    """The marginals that are not as they are asked for, in words."""
    wrong = [
        f"{line.group} {line.name}: {line.here} instead of {line.asked}"
        for line in marginals(tasks)
        if line.group in ASKED and line.here != line.asked
    ]
    inputs = Counter(len(task.plan.pictures) for task in tasks)
    for number in sorted({*inputs, *ASKED_INPUTS}):
        share, requested = inputs[number] / max(len(tasks), 1), ASKED_INPUTS.get(number, 0.0)
        if abs(share - requested) > INPUTS_APART:
            wrong.append(f"{number} inputs: {share:.1%} instead of about {requested:.0%}")
    return wrong


def _count(tasks: Sequence[BenchTask], axis: str) -> Counter[str]:
    return Counter(task.difficulty[axis] for task in tasks)
