"""Solvability: how a reference policy fares on a task, over several tries; and whether it needs solving at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from PIL import Image

from canvasagent.agent import Agent
from canvasagent.craft.plan import Plan
from canvasagent.environment import Limits
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies import Policy, load_policy
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.checks import Result, hold, run_checks
from canvasagent.rewards.config import find_preset
from canvasagent.rewards.rule import rules
from canvasagent.task import Task

SEEDED = "random-valid"
"""A policy that always does the same for a request unless it is given a seed: each try gets one."""


class Solver:
    """Lets a policy try tasks."""

    def __init__(self, policy: str, tries: int, toolbox: ToolBox) -> None:
        """Raises `InputError` for a policy that there is not."""
        self.name, self.tries, self._toolbox = policy, tries, toolbox
        self._policies: list[Policy] = [
            load_policy(f"{policy}:{number}" if policy == SEEDED else policy) for number in range(tries)
        ]

    async def solve(self, task: Task, key: str) -> dict[str, Any]:
        """The result of the tries: how many passed every check, the share of checks, the reward's rules (mean)."""
        runs = [await self._run(task, f"{key}:try:{number}", policy) for number, policy in enumerate(self._policies)]
        kept = [run for run in runs if run.status != "failed"]
        shares = [_passed(run) for run in kept]
        preset = find_preset("paper")
        rewards = [rules(run, preset).rule for run in kept]
        return {
            "policy": self.name,
            "runs": len(kept),
            "failed": len(runs) - len(kept),
            "solved": sum(share == 1.0 for share in shares),
            "pass_rate": _mean([float(share == 1.0) for share in shares]),
            "checks": _mean(shares),
            "mean_reward": _mean(rewards),
            "reward": "R_rule of the preset paper, not clamped",
        }

    async def _run(self, task: Task, key: str, policy: Policy) -> Trajectory:
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1
        limits = Limits(max_turns=2 * len(task.expected_tools or ()) + 4)
        return await Agent(policy, self._toolbox, limits=limits).arun(task, seed=seed)


def _passed(run: Trajectory) -> float:
    outcomes = run_checks(run)
    return sum(outcome.finding.passed for outcome in outcomes) / len(outcomes) if outcomes else 0.0


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def holds_already(plan: Plan, images: Sequence[Image.Image]) -> bool:
    """Whether the first picture passes every check as it is given: whoever does nothing would have succeeded."""
    if not images or not plan.checks:
        return False
    result = Result(final=images[0], inputs=tuple(images), answer=None)
    return all(hold(check, result).finding.passed for check in plan.checks)
