"""One task: a function of the settings and its number alone.

A slot whose plan, wording or gold run is rejected is tried again with another key, a bounded number of times.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from canvasagent.canvas import pixel_hash
from canvasagent.craft.pictures import NoPicture, Split
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import Case, RuleViolation, judge
from canvasagent.craft.records import RlRecord
from canvasagent.craft.rl.compose import compose
from canvasagent.craft.rl.criteria import criteria_of
from canvasagent.craft.rl.filters import TaskCandidate, sieve
from canvasagent.craft.rl.model import ModelFilter
from canvasagent.craft.rl.seeds import Seed, seed_at
from canvasagent.craft.rl.solving import Solver, holds_already
from canvasagent.craft.sources.duplicates import fingerprint
from canvasagent.craft.store import Rejection
from canvasagent.craft.worker import Attempt, Sources, TrajectorySettings, Worker, execute_plan, split_of
from canvasagent.craft.writers import load_writer
from canvasagent.craft.writers.base import Writer, WriterFailure
from canvasagent.errors import InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.imaging.pictures import encode
from canvasagent.task import Task

GOLD = TrajectorySettings(n=1, recovery=0.0, verify=0.0)
"""A gold run has no injected error and no verification step beyond the plan."""

WORDINGS = 3
"""How many wordings of a plan are tried before the filters decide."""


class TaskSettings(BaseModel):
    """What the tasks of a build depend on; kept with the dataset, and compared when a build continues."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int = Field(ge=1)
    """Tasks."""
    marginals: dict[str, dict[str, int]]
    """How many are easy, medium and hard in R, L and D."""
    cells: dict[str, int]
    """How many get each combination: `hard/medium/easy`."""
    images: tuple[str, ...] = ("sketch",)
    """Sources of pictures."""
    writer: str = "grammar"
    profile: str = "lite"
    seed: int = 0
    verify: float = Field(default=1.0, ge=0, le=1)
    """Share of the tasks whose gold plan is executed; it must pass all checks."""
    filter_model: str | None = None
    """A model behind an endpoint that may object to a task."""
    solve: str | None = None
    """A reference policy that tries every task."""
    tries: int = Field(default=4, ge=1, le=64)
    """How often it tries."""
    validation: float = Field(default=0.01, ge=0, lt=1)
    """Share of tasks in the split `validation`."""
    test: float = Field(default=0.01, ge=0, lt=1)
    """Share of tasks in the split `test`."""
    attempts: int = Field(default=8, ge=1)
    """How often a task is tried before it is given up."""


@dataclass(frozen=True)
class TaskWorkerFactory:
    """Makes a worker, in whichever process."""

    settings: TaskSettings

    def __call__(self) -> TaskWorker:
        return TaskWorker(self.settings)


@dataclass(frozen=True)
class PreparedTask:
    """A task in words, with its pictures and the key of its random choices."""

    candidate: TaskCandidate
    images: tuple[Image.Image, ...]
    key: str

    @property
    def plan(self) -> Plan:
        """Its gold plan."""
        return self.candidate.plan

    def task(self) -> Task:
        """As a policy gets it."""
        plan, seed = self.plan, self.candidate.seed
        return Task(
            self.candidate.instruction, self.images, expected_tools=plan.tools(), difficulty=seed.levels,
            checks=plan.checks,
        )  # fmt: skip


class TaskWorker(Worker):
    """Makes tasks: sources, writers, tools, the model that may object, the policy that tries."""

    def __init__(self, settings: TaskSettings) -> None:
        self.settings = settings
        self.sources = Sources(settings.images)
        self.writer: Writer = load_writer(settings.writer)
        self.gold_writer: Writer = load_writer("grammar")
        self.model = ModelFilter(settings.filter_model) if settings.filter_model else None
        super().__init__(ToolBox(settings.profile, workers=1), settings.attempts)
        self.solver = Solver(settings.solve, settings.tries, self.toolbox) if settings.solve else None

    async def attempt(self, slot: int, number: int) -> Attempt:
        """One try: compose a plan, write and filter the instruction, execute the gold plan, run the solver."""
        settings = self.settings
        seed, split = seed_at(settings.cells, settings.seed, slot), split_of(settings, slot)
        details: dict[str, Any] = {"slot": slot, "attempt": number, "chain": "/".join(seed.levels.values())}
        try:
            made = await self._prepared(seed, split, f"{settings.seed}:rl:{slot}:{number}", details)
        except (NoPicture, InputError) as error:
            return _rejected(number, RuleViolation("picture", str(error)), details)
        except WriterFailure as error:
            return _rejected(number, RuleViolation("writer", str(error)), details)
        verify = random.Random(f"{settings.seed}:{slot}:verify").random() < settings.verify
        verdict = await self._verdict(made, verify)
        if verdict is not None:
            return _rejected(number, verdict, details, made.images)
        solvability = await self.solver.solve(made.task(), made.key) if self.solver is not None else None
        meta = {"attempt": number, "seed": settings.seed, "images": list(settings.images), "verified": verify}
        record = rl_record(made, slot, split, {**meta, "profile": settings.profile}, solvability)
        return Attempt(number, record, None, _pictures(made.images))

    async def _prepared(self, seed: Seed, split: Split, key: str, details: dict[str, Any]) -> PreparedTask:
        plan = compose(seed, lambda need, subkey: self.sources.pick(need, split, subkey), key)
        images = tuple(self.sources.open(picture) for picture in plan.pictures)
        details["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
        for wording in range(WORDINGS):
            details["instruction"] = await self.writer.instruction(plan, f"{key}:{wording}" if wording else key)
            if sieve(TaskCandidate(seed, plan, details["instruction"])) is None:
                break
        return PreparedTask(TaskCandidate(seed, plan, details["instruction"]), images, key)

    async def _verdict(self, made: PreparedTask, verify: bool) -> RuleViolation | None:
        """Why a task is rejected: by a rule, by the model, or by its gold run; None if it is accepted."""
        verdict = sieve(made.candidate)
        if verdict is None and self.model is not None:
            try:
                why = await self.model.objection(made.candidate, made.images)
            except WriterFailure as error:
                why = str(error)
            verdict = RuleViolation("model", why) if why is not None else None
        if verdict is not None or not verify:
            return verdict
        rejection = judge(await self.gold(made))
        if rejection is not None:
            return RuleViolation(f"gold: {rejection.rule}", rejection.why)
        if holds_already(made.plan, made.images):
            return RuleViolation("done already", "every check holds of the first picture as it was given")
        return None

    async def gold(self, made: PreparedTask) -> Case:
        """The gold run of a task."""
        candidate = made.candidate
        return await execute_plan(
            candidate.plan, made.images, candidate.instruction, self.gold_writer, self.toolbox, made.key, GOLD
        )


def rl_record(
    made: PreparedTask, slot: int, split: Split, meta: dict[str, Any], solvability: dict[str, Any] | None
) -> RlRecord:
    """The record of a task."""
    plan, images = made.plan, made.images
    marks = {
        "fingerprints": [f"{fingerprint(image):064x}" for image in images],
        "pictures": [{"source": picture.source, "key": picture.key} for picture in plan.pictures],
    }
    return RlRecord(
        id=f"{slot:06d}",
        split=split,
        chain=plan.chain,
        instruction=made.candidate.instruction,
        images=[pixel_hash(image) for image in images],
        expected_tools=list(plan.tools()),
        difficulty=made.candidate.seed.levels,
        checks=list(plan.checks),
        criteria=criteria_of(plan),
        gold_steps=len(plan.path()),
        plan=plan.model_dump(mode="json", exclude_defaults=True),
        solvability=solvability,
        meta={**meta, **marks},
    )


def _pictures(images: Sequence[Image.Image]) -> dict[str, bytes]:
    return {pixel_hash(image): encode(image, "PNG", fast=True) for image in images}


def _rejected(
    attempt: int, verdict: RuleViolation, details: dict[str, Any], images: Sequence[Image.Image] = ()
) -> Attempt:
    pictures = _pictures(images)
    rejection = Rejection(stage=verdict.rule, reason=verdict.why, record=details, images=list(pictures))
    return Attempt(attempt, None, rejection, pictures)
