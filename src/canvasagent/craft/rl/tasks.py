"""Tasks: what their builds depend on, and how one is made."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from canvasagent.backends.profile import load_profile
from canvasagent.canvas import pixel_hash
from canvasagent.craft.chains.binding import Pick
from canvasagent.craft.pictures import Split
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import Case, RuleViolation, judge
from canvasagent.craft.records import RlRecord
from canvasagent.craft.rl.compose import compose
from canvasagent.craft.rl.criteria import criteria_of
from canvasagent.craft.rl.filters import TaskCandidate, sieve
from canvasagent.craft.rl.model import ModelFilter
from canvasagent.craft.rl.seeds import Seed, cells, marginals, seed_at
from canvasagent.craft.rl.solving import Solver, holds_already
from canvasagent.craft.sources import load_source
from canvasagent.craft.sources.duplicates import fingerprint
from canvasagent.craft.worker import Attempt, BuildSettings, WordedPlan, Worker
from canvasagent.craft.writers import load_writer
from canvasagent.craft.writers.base import Writer, WriterFailure
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import encode
from canvasagent.policies import load_policy
from canvasagent.task import Task

WORDINGS = 3
"""How many wordings of a plan are tried before the filters decide."""


class TaskSettings(BuildSettings):
    """What the tasks of a build depend on."""

    kind = "rl"

    marginals: dict[str, dict[str, int]]
    """How many are easy, medium and hard in R, L and D."""
    cells: dict[str, int]
    """How many get each combination: `hard/medium/easy`."""
    verify: float = Field(default=1.0, ge=0, le=1)
    """Share of the tasks whose gold plan is executed; it must pass all checks."""
    filter_model: str | None = None
    """A model behind an endpoint that may object to a task."""
    solve: str | None = None
    """A reference policy that tries every task."""
    tries: int = Field(default=4, ge=1, le=64)
    """How often it tries."""

    def recipe(self, worker: Worker) -> TaskRecipe:
        """See `TaskRecipe`."""
        return TaskRecipe(self, worker)


def settings_for(n: int, weights: Mapping[str, Sequence[float]] | None = None, **options: object) -> TaskSettings:
    """Settings with the marginals resolved; Table 3's where no weights are given. Raises `InputError`."""
    counts = marginals(weights or {}, n)
    seed = options.get("seed", 0)
    values = {"n": n, "marginals": counts, "cells": cells(counts, seed if isinstance(seed, int) else 0), **options}
    try:
        settings = TaskSettings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InputError(f"the settings of the build are wrong: {problems}.") from error
    _check_names(settings)
    return settings


def _check_names(settings: TaskSettings) -> None:
    """Raise `InputError` for a name that is none, before any worker is started."""
    load_profile(settings.profile)
    load_writer(settings.writer)
    for name in settings.images:
        load_source(name)
    if settings.filter_model is not None:
        ModelFilter(settings.filter_model)
    if settings.solve is not None:
        load_policy(settings.solve)


class TaskRecipe:
    """Compose a plan of the difficulty that a slot has, word and filter it, execute it, let a policy try it."""

    def __init__(self, settings: TaskSettings, worker: Worker) -> None:
        self._settings, self._worker = settings, worker
        self._gold_writer: Writer = load_writer("grammar")
        self._model = ModelFilter(settings.filter_model) if settings.filter_model else None
        self._solver = Solver(settings.solve, settings.tries, worker.toolbox) if settings.solve else None

    def key(self, slot: int, attempt: int) -> str:
        """What the random choices of an attempt follow from."""
        return f"{self._settings.seed}:rl:{slot}:{attempt}"

    def group(self, slot: int) -> str:
        """The slot's difficulty: `hard/medium/easy`."""
        return "/".join(self._seed(slot).levels.values())

    def plan(self, slot: int, pick: Pick, key: str) -> Plan:
        """A plan of the slot's difficulty. Raises `NoPicture`, `InputError`."""
        return compose(self._seed(slot), pick, key)

    async def instruction(self, slot: int, plan: Plan, key: str) -> str:
        """The first wording that the filters accept, else the last one tried. Raises `WriterFailure`."""
        text = ""
        for wording in range(WORDINGS):
            text = await self._worker.writer.instruction(plan, f"{key}:{wording}" if wording else key)
            if sieve(TaskCandidate(self._seed(slot), plan, text)) is None:
                break
        return text

    async def finish(self, item: WordedPlan) -> Attempt:
        """The record of a task that the filters accept, whose gold run passes and which is not done already."""
        settings = self._settings
        verify = random.Random(f"{settings.seed}:{item.slot}:verify").random() < settings.verify
        candidate = TaskCandidate(self._seed(item.slot), item.plan, item.instruction)
        violation = await self._violation(item, candidate, verify)
        pictures = {pixel_hash(image): encode(image, "PNG", fast=True) for image in item.images}
        if violation is not None:
            return item.rejected(violation, pictures, list(pictures))
        solvability = None
        if self._solver is not None:
            solvability = await self._solver.solve(_task(item, candidate.seed), item.key)
        meta = {
            "attempt": item.attempt,
            "seed": settings.seed,
            "images": list(settings.images),
            "verified": verify,
            "profile": settings.profile,
        }
        record = _record(item, candidate.seed, settings.split_of(item.slot), meta, solvability)
        return Attempt(item.attempt, record, None, pictures)

    async def _violation(self, item: WordedPlan, candidate: TaskCandidate, verify: bool) -> RuleViolation | None:
        """Why a task is rejected: by a rule, by the model, or by its gold run; None if it is accepted."""
        violation = sieve(candidate)
        if violation is None and self._model is not None:
            try:
                why = await self._model.objection(candidate, item.images)
            except WriterFailure as error:
                why = str(error)
            violation = RuleViolation("model", why) if why is not None else None
        if violation is not None or not verify:
            return violation
        broken = judge(await self.gold(item))
        if broken is not None:
            return RuleViolation(f"gold: {broken.rule}", broken.why)
        if holds_already(item.plan, item.images):
            return RuleViolation("done already", "every check holds of the first picture as it was given")
        return None

    async def gold(self, item: WordedPlan) -> Case:
        """The run of a task's plan, without injected errors or steps beyond the plan."""
        return await self._worker.run_plan(item, self._gold_writer)

    def _seed(self, slot: int) -> Seed:
        return seed_at(self._settings.cells, self._settings.seed, slot)


def _task(item: WordedPlan, seed: Seed) -> Task:
    """A task as a policy gets it."""
    plan = item.plan
    return Task(item.instruction, item.images, expected_tools=plan.tools(), difficulty=seed.levels, checks=plan.checks)


def _record(
    item: WordedPlan, seed: Seed, split: Split, meta: dict[str, Any], solvability: dict[str, Any] | None
) -> RlRecord:
    plan, images = item.plan, item.images
    marks = {
        "fingerprints": [f"{fingerprint(image):064x}" for image in images],
        "pictures": [{"source": picture.source, "key": picture.key} for picture in plan.pictures],
    }
    return RlRecord(
        id=f"{item.slot:06d}",
        split=split,
        chain=plan.chain,
        instruction=item.instruction,
        images=[pixel_hash(image) for image in images],
        expected_tools=list(plan.tools()),
        difficulty=seed.levels,
        checks=list(plan.checks),
        criteria=criteria_of(plan),
        gold_steps=len(plan.path()),
        plan=plan.model_dump(mode="json", exclude_defaults=True),
        solvability=solvability,
        meta={**meta, **marks},
    )
