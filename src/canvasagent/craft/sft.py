"""Trajectories: what their builds depend on, and how one is made."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from canvasagent.craft.chains import bind, chain_at, mix_chains, mix_counts
from canvasagent.craft.chains.binding import Pick
from canvasagent.craft.chains.spec import Chain
from canvasagent.craft.gold_policy import RECOVERY, VERIFY
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import RuleViolation, instruction_problem, judge
from canvasagent.craft.trajectories import pictures_of, sft_record
from canvasagent.craft.worker import Attempt, BuildSettings, WordedPlan, Worker


class TrajectorySettings(BuildSettings):
    """What the trajectories of a build depend on."""

    kind = "sft"

    mix: str = "paper"
    """Name or file of the mix."""
    counts: dict[str, int] = Field(default_factory=dict)
    """How many records of each chain the mix gives."""
    recovery: float = Field(default=RECOVERY, ge=0, le=1)
    """Share of items with an injected error and its correction."""
    verify: float = Field(default=VERIFY, ge=0, le=1)
    """Share of items with a verification step."""

    def recipe(self, worker: Worker) -> TrajectoryRecipe:
        """See `TrajectoryRecipe`."""
        return TrajectoryRecipe(self, worker, mix_chains(self.mix))


def settings_for(n: int, mix: str, **options: object) -> TrajectorySettings:
    """Settings with the mix resolved. Raises `InputError` for a mix that is none."""
    return TrajectorySettings.model_validate({"n": n, "mix": mix, "counts": mix_counts(mix, n), **options})


@dataclass(frozen=True)
class TrajectoryRecipe:
    """Bind the chain that the mix gives a slot, word it, execute the plan, judge the run."""

    settings: TrajectorySettings
    worker: Worker
    chains: dict[str, Chain]

    def key(self, slot: int, attempt: int) -> str:
        """What the random choices of an attempt follow from."""
        return f"{self.settings.seed}:{slot}:{attempt}"

    def group(self, slot: int) -> str:
        """The name of the slot's chain."""
        return self._chain(slot).name

    def plan(self, slot: int, pick: Pick, key: str) -> Plan:
        """The slot's chain on pictures of `pick`. Raises `NoPicture`, `InputError`."""
        return bind(self._chain(slot), lambda need, subkey: pick(need, f"{key}:{subkey}"), key)

    async def instruction(self, slot: int, plan: Plan, key: str) -> str:
        """The plan in words. Raises `WriterFailure`."""
        return await self.worker.writer.instruction(plan, key)

    async def finish(self, item: WordedPlan) -> Attempt:
        """The record of the plan's run, or the rule that it breaks."""
        settings = self.settings
        if (problem := instruction_problem(item.instruction)) is not None:
            return item.rejected(RuleViolation("instruction", problem), {}, ())
        run = await self.worker.run_plan(item, self.worker.writer, recovery=settings.recovery, verify=settings.verify)
        meta = {"attempt": item.attempt, "seed": settings.seed, "images": list(settings.images)}
        record = sft_record(run, item.slot, settings.split_of(item.slot), meta)
        pictures = pictures_of(run.trajectory)
        if (violation := judge(run)) is not None:
            return item.rejected(violation, pictures, record.images, record=record.model_dump(mode="json"))
        return Attempt(item.attempt, record, None, pictures)

    def _chain(self, slot: int) -> Chain:
        return chain_at(self.settings.counts, self.settings.seed, slot, self.chains)
