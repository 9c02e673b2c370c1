"""Carrying the gold plans out, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from canvasagent.agent import Agent
from canvasagent.craft.bench import BenchTask
from canvasagent.craft.gold_policy import GoldPolicy
from canvasagent.craft.mutants import Verdict, run_mutants
from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.base import Seen
from canvasagent.environment import Limits
from canvasagent.execution.toolbox import ToolBox
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.checks import run_checks

SEED = 0
"""Seed of every gold run: the default of an evaluation, so that both give the same result."""


class PlainWriter:
    """Says what each step does, and no more."""

    name = "plain"

    async def instruction(self, plan: Plan, key: str) -> str:
        """Not used: the benchmark has instructions of its own."""
        return "Carry the plan out."

    async def reason(self, plan: Plan, step: Step, seen: tuple[Seen, ...], key: str) -> str:
        """The act and what it is about."""
        about = next(iter(step.facts.values()), "the picture")
        return f"Next: {step.act}, {about}."

    async def farewell(self, plan: Plan, seen: tuple[Seen, ...], key: str) -> str:
        """The end."""
        return "All that was asked for is done."


@dataclass(frozen=True)
class Gold:
    """A gold run: what went wrong with it, nothing where it is as it should be."""

    task: BenchTask
    trajectory: Trajectory
    problems: tuple[str, ...]


async def run_gold(task: BenchTask, toolbox: ToolBox) -> Gold:
    """Carry a task's gold plan out and measure its checks."""
    policy = GoldPolicy(task.plan, PlainWriter(), task.id, recovery=0, verify=0)
    run = await Agent(policy, toolbox, limits=Limits(max_turns=task.max_turns)).arun(task.task(), seed=SEED)
    progress = policy.progress(run)
    problems = [f"stopped: {progress.stuck}"] if progress.stuck else []
    problems += [f"the branch at {name} turned out otherwise than the plan says" for name in progress.mismatches]
    if tuple(run.tool_calls) != task.expected_tools:
        problems.append(f"{len(run.tool_calls)} calls instead of {len(task.expected_tools)}")
    problems += [f"{outcome.check}: {outcome.finding.why}" for outcome in run_checks(run) if not outcome.finding.passed]
    return Gold(task, run, tuple(problems))


@dataclass(frozen=True)
class MutationScore:
    """What became of the mutants of a task's gold plan (`craft/mutants.py`)."""

    task: BenchTask
    verdicts: tuple[Verdict, ...]

    @property
    def survivors(self) -> list[Verdict]:
        """Mutants on which no check fails."""
        return [verdict for verdict in self.verdicts if verdict.killed_by is None]


def run_task_mutants(tasks: Sequence[BenchTask], profile: str = "lite") -> Iterator[MutationScore]:
    """One task after another."""
    toolbox = ToolBox(profile, workers=1)
    with asyncio.Runner() as runner:
        for task in tasks:
            verdicts, _ = runner.run(run_mutants(task.task(), task.plan, task.id, PlainWriter(), toolbox, SEED))
            yield MutationScore(task, tuple(verdicts))


def run_golds(tasks: Sequence[BenchTask], profile: str = "lite") -> Iterator[Gold]:
    """One after another."""
    toolbox = ToolBox(profile, workers=1)
    with asyncio.Runner() as runner:
        for task in tasks:
            yield runner.run(run_gold(task, toolbox))
