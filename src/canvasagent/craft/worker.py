"""One item of a build: a function of the settings and its number alone.

slot     the number of the record; its split follows from the seed
attempt  a slot whose plan, wording or run is rejected is tried again with another key, a bounded number of times

A `Worker` does what trajectories and tasks have in common; a `Recipe` is what each kind of record does its own way.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from canvasagent.agent import Agent
from canvasagent.craft.chains.binding import Pick
from canvasagent.craft.difficulty import measure
from canvasagent.craft.gold_policy import GoldPolicy
from canvasagent.craft.pictures import Need, NoPicture, Picture, Source, Split
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import Case, RuleViolation
from canvasagent.craft.records import Kind, RlRecord, SftRecord
from canvasagent.craft.sources import load_source
from canvasagent.craft.store import Rejection
from canvasagent.craft.writers import load_writer
from canvasagent.craft.writers.base import Writer, WriterFailure
from canvasagent.environment import Limits
from canvasagent.errors import InputError
from canvasagent.execution.cache import Cache
from canvasagent.execution.toolbox import ToolBox
from canvasagent.task import Task

MEMORY_BYTES = 64_000_000
"""Size of a worker's cache of tool results; small, since items hardly ever share a call."""
TURNS = 12
"""Turns of a run, unless its plan needs more."""


class BuildSettings(BaseModel, ABC):
    """What the records of a build depend on; kept with the dataset, and compared when a build continues."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[Kind]

    n: int = Field(ge=1)
    """Records."""
    images: tuple[str, ...] = ("sketch",)
    """Sources of pictures."""
    writer: str = "grammar"
    profile: str = "lite"
    seed: int = 0
    validation: float = Field(default=0.01, ge=0, lt=1)
    """Share of records in the split `validation`."""
    test: float = Field(default=0.01, ge=0, lt=1)
    """Share of records in the split `test`."""
    attempts: int = Field(default=8, ge=1)
    """How often a record is tried before it is given up."""

    @abstractmethod
    def recipe(self, worker: Worker) -> Recipe:
        """How these records are made, with what `worker` has."""

    def worker(self) -> Worker:
        """A worker, in whichever process."""
        return Worker(self)

    def split_of(self, slot: int) -> Split:
        """The split of a record; it follows from the seed alone."""
        place = random.Random(f"{self.seed}:{slot}:split").random()
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"


@dataclass(frozen=True)
class WorkItem:
    """The input of a worker: the number of a record, and the attempt to begin with."""

    number: int
    first: int = 0


@dataclass(frozen=True)
class Attempt:
    """One try: a record, or why there is none; pictures as PNG by their hash."""

    number: int
    record: SftRecord | RlRecord | None
    rejection: Rejection | None
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkResult:
    """The output of a worker: the rejected attempts, and last the accepted one, if any."""

    slot: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class WordedPlan:
    """An item before anything is run: a plan with its pictures and its instruction."""

    slot: int
    attempt: int
    key: str
    """Of the item's random choices."""
    plan: Plan
    images: tuple[Image.Image, ...]
    instruction: str
    details: Mapping[str, Any]
    """What is kept of the item if it is rejected."""

    def rejected(
        self, violation: RuleViolation, pictures: Mapping[str, bytes], images: Sequence[str], **details: Any
    ) -> Attempt:
        """The attempt, rejected; `images` are the keys of the `pictures` to show with it, `details` are kept too."""
        return _rejected(self.attempt, violation, {**self.details, **details}, pictures, images)


class Recipe(Protocol):
    """How one kind of record is made."""

    def key(self, slot: int, attempt: int) -> str:
        """What the random choices of an attempt follow from."""
        ...

    def group(self, slot: int) -> str:
        """What the records are counted by: a slot's chain, or its difficulty."""
        ...

    def plan(self, slot: int, pick: Pick, key: str) -> Plan:
        """The plan, on pictures that `pick` chooses. Raises `NoPicture`, and `InputError` for unreadable ones."""
        ...

    async def instruction(self, slot: int, plan: Plan, key: str) -> str:
        """The request in words. Raises `WriterFailure`."""
        ...

    async def finish(self, item: WordedPlan) -> Attempt:
        """Run what has to be run; the record, or why there is none."""
        ...


class Worker:
    """Processes one item after the other; sources, writer and tools are made once per process."""

    def __init__(self, settings: BuildSettings) -> None:
        """Raises `InputError` for a name in the settings that is none."""
        self.settings = settings
        self.sources = Sources(settings.images)
        self.writer: Writer = load_writer(settings.writer)
        self.toolbox = ToolBox(settings.profile, cache=Cache(MEMORY_BYTES), workers=1)
        self.recipe = settings.recipe(self)
        self._runner = asyncio.Runner()

    def __call__(self, item: WorkItem) -> WorkResult:
        """All attempts at a slot from the requested one up to one that is accepted."""
        return self._runner.run(self._work(item))

    def close(self) -> None:
        """End the tools' workers."""
        self._runner.close()
        self.toolbox.close()

    async def _work(self, item: WorkItem) -> WorkResult:
        made: list[Attempt] = []
        # All attempts run here: the result of one item then never depends on other items or on the number of workers.
        for number in range(item.first, self.settings.attempts):
            made.append(await self._attempt(item.number, number))
            if made[-1].record is not None:
                break
        return WorkResult(item.number, tuple(made))

    async def _attempt(self, slot: int, number: int) -> Attempt:
        """One try at a slot's record: plan and pictures, instruction, then what its kind requires."""
        key, split = self.recipe.key(slot, number), self.settings.split_of(slot)
        details: dict[str, Any] = {"slot": slot, "attempt": number, "chain": self.recipe.group(slot)}

        def pick(need: Need, key: str) -> Picture:
            return self.sources.pick(need, split, key)

        try:
            plan = self.recipe.plan(slot, pick, key)
            images = tuple(map(self.sources.open, plan.pictures))
        except (NoPicture, InputError) as error:
            return _rejected(number, RuleViolation("picture", str(error)), details)
        details["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
        try:
            instruction = await self.recipe.instruction(slot, plan, key)
        except WriterFailure as error:
            return _rejected(number, RuleViolation("writer", str(error)), details)
        details["instruction"] = instruction
        return await self.recipe.finish(WordedPlan(slot, number, key, plan, images, instruction, details))

    async def run_plan(self, item: WordedPlan, writer: Writer, *, recovery: float = 0.0, verify: float = 0.0) -> Case:
        """The run of an item's plan; `recovery` and `verify` as `GoldPolicy` takes them."""
        plan = item.plan
        gold = GoldPolicy(plan, writer, item.key, recovery=recovery, verify=verify)
        task = Task(
            item.instruction, item.images, expected_tools=plan.tools(), difficulty=measure(plan), checks=plan.checks
        )
        limits = Limits(max_turns=max(TURNS, 2 * len(plan.path()) + 4))
        seed = int.from_bytes(hashlib.sha256(item.key.encode()).digest()[:4], "big") >> 1
        trajectory = await Agent(gold, self.toolbox, limits=limits).arun(task, seed=seed)
        return Case(trajectory, plan, gold.progress(trajectory))


class Sources:
    """The sources of pictures that a build may use."""

    def __init__(self, names: Sequence[str]) -> None:
        """Raises `InputError` for an unknown name."""
        self._sources: dict[str, Source] = {name: load_source(name) for name in names}

    def pick(self, need: Need, split: Split, key: str) -> Picture:
        """A picture from one of the sources, tried in an order that follows from the key. Raises `NoPicture`."""
        names = list(self._sources)
        random.Random(f"{key}:source").shuffle(names)
        trouble: NoPicture | None = None
        for name in names:
            try:
                return self._sources[name].pick(need, split, key)
            except NoPicture as error:
                trouble = trouble or error
        raise trouble or NoPicture("there is no source of pictures")

    def open(self, picture: Picture) -> Image.Image:
        """The pixels of a picture."""
        return self._sources[picture.source].open(picture)


def _rejected(
    attempt: int,
    violation: RuleViolation,
    details: Mapping[str, Any],
    pictures: Mapping[str, bytes] | None = None,
    images: Sequence[str] = (),
) -> Attempt:
    shown = list(dict.fromkeys(images))
    rejection = Rejection(stage=violation.rule, reason=violation.why, record=dict(details), images=shown)
    return Attempt(attempt, None, rejection, pictures or {})
