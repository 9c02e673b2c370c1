"""One item of a build of trajectories: a function of the settings and its number alone.

slot     the number of the record; its chain follows from the mix, its split from the seed
attempt  a slot whose plan, wording or run is rejected is tried again with another key, a bounded number of times
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from canvasagent.agent import Agent
from canvasagent.craft.chains import bind, chain_at, mix_chains
from canvasagent.craft.difficulty import measure
from canvasagent.craft.gold_policy import RECOVERY, VERIFY, GoldPolicy
from canvasagent.craft.pictures import Need, NoPicture, Picture, Source, Split
from canvasagent.craft.plan import Plan
from canvasagent.craft.quality import Case, instruction_problem, judge
from canvasagent.craft.records import RlRecord, SftRecord
from canvasagent.craft.sources import load_source
from canvasagent.craft.store import Rejection
from canvasagent.craft.trajectories import pictures_of, sft_record
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


class TrajectorySettings(BaseModel):
    """What the records of a build depend on; kept with the dataset, and compared when a build continues."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: int = Field(ge=1)
    """Records."""
    mix: str = "paper"
    """Name or file of the mix."""
    counts: dict[str, int] = Field(default_factory=dict)
    """How many records of each chain the mix gives."""
    images: tuple[str, ...] = ("sketch",)
    """Sources of pictures."""
    writer: str = "grammar"
    profile: str = "lite"
    seed: int = 0
    recovery: float = Field(default=RECOVERY, ge=0, le=1)
    """Share of items with an injected error and its correction."""
    verify: float = Field(default=VERIFY, ge=0, le=1)
    """Share of items with a verification step."""
    validation: float = Field(default=0.01, ge=0, lt=1)
    """Share of records in the split `validation`."""
    test: float = Field(default=0.01, ge=0, lt=1)
    """Share of records in the split `test`."""
    attempts: int = Field(default=8, ge=1)
    """How often a record is tried before it is given up."""


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
    pictures: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkResult:
    """The output of a worker: the rejected attempts, and last the accepted one, if any."""

    slot: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class TrajectoryWorkerFactory:
    """Makes a worker, in whichever process."""

    settings: TrajectorySettings

    def __call__(self) -> TrajectoryWorker:
        return TrajectoryWorker(self.settings)


class Worker(ABC):
    """Processes one item after the other; its tools are made once per process."""

    def __init__(self, toolbox: ToolBox, attempts: int) -> None:
        """`attempts`: how often a slot is tried before it is given up."""
        self.toolbox = toolbox
        self._attempts = attempts
        self._runner = asyncio.Runner()

    def __call__(self, slot: WorkItem) -> WorkResult:
        """All attempts at a slot from the requested one up to one that is accepted."""
        return self._runner.run(self.build(slot))

    def close(self) -> None:
        """End the tools' workers."""
        self._runner.close()
        self.toolbox.close()

    async def build(self, slot: WorkItem) -> WorkResult:
        """The same, for callers with their own event loop."""
        made: list[Attempt] = []
        for number in range(slot.first, self._attempts):
            made.append(await self.attempt(slot.number, number))
            if made[-1].record is not None:
                break
        return WorkResult(slot.number, tuple(made))

    @abstractmethod
    async def attempt(self, slot: int, number: int) -> Attempt:
        """One try at a slot's record."""


class TrajectoryWorker(Worker):
    """Makes trajectories: sources, chains, writer and tools."""

    def __init__(self, settings: TrajectorySettings) -> None:
        self.settings = settings
        self.sources = Sources(settings.images)
        self.chains = mix_chains(settings.mix)
        self.writer: Writer = load_writer(settings.writer)
        super().__init__(ToolBox(settings.profile, cache=Cache(MEMORY_BYTES), workers=1), settings.attempts)

    async def attempt(self, slot: int, number: int) -> Attempt:
        """See `build_one`."""
        return await build_one(self, slot, number)


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


class SplitShares(Protocol):
    """Settings that say which share of the records is in which split."""

    @property
    def seed(self) -> int:
        """The seed of the draw."""
        ...

    @property
    def validation(self) -> float:
        """Share of `validation`."""
        ...

    @property
    def test(self) -> float:
        """Share of `test`."""
        ...


def split_of(settings: SplitShares, slot: int) -> Split:
    """The split of a record; it follows from the seed alone."""
    place = random.Random(f"{settings.seed}:{slot}:split").random()
    if place < settings.test:
        return "test"
    return "validation" if place < settings.test + settings.validation else "train"


async def build_one(worker: TrajectoryWorker, slot: int, attempt: int) -> Attempt:
    """One attempt at a record: bind the chain, write the instruction, execute the plan, judge the run."""
    settings = worker.settings
    key = f"{settings.seed}:{slot}:{attempt}"
    chain = chain_at(settings.counts, settings.seed, slot, worker.chains)
    split = split_of(settings, slot)
    details: dict[str, Any] = {"slot": slot, "attempt": attempt, "chain": chain.name}
    try:
        plan = bind(chain, lambda need, subkey: worker.sources.pick(need, split, f"{key}:{subkey}"), key)
        images = [worker.sources.open(picture) for picture in plan.pictures]
    except (NoPicture, InputError) as error:
        return _rejected(attempt, "picture", str(error), details)
    details["plan"] = plan.model_dump(mode="json", exclude_defaults=True)
    try:
        instruction = await worker.writer.instruction(plan, key)
    except WriterFailure as error:
        return _rejected(attempt, "writer", str(error), details)
    details["instruction"] = instruction
    if (problem := instruction_problem(instruction)) is not None:
        return _rejected(attempt, "instruction", problem, details)
    run = await execute_plan(plan, images, instruction, worker.writer, worker.toolbox, key, settings)
    record = sft_record(run, slot, split, {"attempt": attempt, "seed": settings.seed, "images": list(settings.images)})
    verdict = judge(run)
    if verdict is not None:
        details |= {"record": record.model_dump(mode="json")}
        return _rejected(attempt, verdict.rule, verdict.why, details, pictures_of(run.trajectory), record.images)
    return Attempt(attempt, record, None, pictures_of(run.trajectory))


async def execute_plan(
    plan: Plan,
    images: Sequence[Image.Image],
    instruction: str,
    writer: Writer,
    toolbox: ToolBox,
    key: str,
    settings: TrajectorySettings,
) -> Case:
    """Execute a plan for an instruction; returns the run and how far the plan got."""
    gold = GoldPolicy(plan, writer, key, recovery=settings.recovery, verify=settings.verify)
    task = Task(
        instruction,
        images,
        expected_tools=plan.tools(),
        difficulty=measure(plan),
        checks=plan.checks,
    )
    limits = Limits(max_turns=max(TURNS, 2 * len(plan.path()) + 4))
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1
    trajectory = await Agent(gold, toolbox, limits=limits).arun(task, seed=seed)
    return Case(trajectory, plan, gold.progress(trajectory))


def _rejected(
    attempt: int,
    stage: str,
    why: str,
    details: dict[str, Any],
    pictures: dict[str, bytes] | None = None,
    images: Sequence[str] = (),
) -> Attempt:
    rejection = Rejection(stage=stage, reason=why, record=details, images=list(dict.fromkeys(images)))
    return Attempt(attempt, None, rejection, pictures or {})
