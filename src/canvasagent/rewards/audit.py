"""The audit of the reward: degenerate runs, really executed on the lite profile, beside an honest one.

The local judge scores them: a stand-in, which says what the rules and a simple judge let through, not what a vision
model would. A preset holds if no degenerate run earns more than the run that it stands beside.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from canvasagent.agent import Agent
from canvasagent.environment import Limits
from canvasagent.errors import InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.policies.replay import ReplayPolicy
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards._degenerate import LIMIT, Scenario, audit_task, scenarios
from canvasagent.rewards.config import find_preset
from canvasagent.rewards.hybrid import Score, score
from canvasagent.rewards.judges import load_judge

SHOWN = ("paper", "release", "hardened")
"""Presets that the audit shows by default."""
JUDGED = "hardened"
"""The preset that must hold."""
MARGIN = 1e-9
"""Less than this is no difference."""


class AuditRow(BaseModel):
    """What one run earns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    how: str
    cheat: bool
    beside: str
    """The run that it must not beat."""
    scores: dict[str, Score]
    """By preset."""

    def total(self, preset: str) -> float:
        """What it earns under a preset. Raises `InputError` where it has no score: a judge that gave none, say."""
        score = self.scores[preset]
        if score.total is None:
            raise InputError(f"the run '{self.name}' has no score: {' '.join(score.unscored)}")
        return score.total


class Audit(BaseModel):
    """The whole table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: str
    judge: str
    profile: str
    task: str
    rows: list[AuditRow]

    @property
    def presets(self) -> list[str]:
        """The presets that every run is scored under."""
        return list(self.rows[0].scores)

    def beaten_by(self, preset: str) -> list[str]:
        """The degenerate runs that earn more than the run they stand beside."""
        totals = {row.name: row.total(preset) for row in self.rows}
        return [row.name for row in self.rows if row.cheat and totals[row.name] > totals[row.beside] + MARGIN]

    @property
    def holds(self) -> bool:
        """Whether none beats its honest counterpart under `hardened`."""
        return not self.beaten_by(JUDGED)


async def audit(presets: Sequence[str] = SHOWN, judge: str = "local", toolbox: ToolBox | None = None) -> Audit:
    """Run every scenario and score it under `presets` and `hardened`. Raises `InputError` for an unknown preset."""
    names = list(dict.fromkeys([*(find_preset(name).name for name in presets), JUDGED]))
    box = toolbox or ToolBox("lite")
    try:
        rows = [await _row(scenario, names, judge, box) for scenario in scenarios()]
    finally:
        if toolbox is None:
            box.close()
    today = datetime.date.today().isoformat()
    return Audit(date=today, judge=judge, profile=box.profile.name, task=audit_task().instruction, rows=rows)


async def _row(scenario: Scenario, presets: Sequence[str], judge: str, toolbox: ToolBox) -> AuditRow:
    run = await _run(scenario, toolbox)
    verdicts = await load_judge(judge).judge(run)
    scores = {name: score(run, name, verdicts) for name in presets}
    return AuditRow(name=scenario.name, how=scenario.how, cheat=scenario.cheat, beside=scenario.beside, scores=scores)


async def _run(scenario: Scenario, toolbox: ToolBox) -> Trajectory:
    agent = Agent(ReplayPolicy(scenario.name, scenario.texts), toolbox, limits=Limits(max_turns=LIMIT))
    return await agent.arun(await asyncio.to_thread(audit_task))


def as_markdown(report: Audit, presets: Sequence[str]) -> str:
    """The table for docs/reward.md; what beats the run that it stands beside is set in bold."""
    beaten = {name: set(report.beaten_by(name)) for name in presets}
    lines = [f"| run | what it does | {' | '.join(presets)} | beside |", "|---|---|" + "---:|" * len(presets) + "---|"]
    for row in report.rows:
        totals = [f"**{row.total(n):.3f}**" if row.name in beaten[n] else f"{row.total(n):.3f}" for n in presets]
        name = row.name if row.cheat else f"*{row.name}*"
        lines.append(f"| {name} | {row.how} | {' | '.join(totals)} | {row.beside if row.cheat else ''} |")
    return "\n".join(lines)
