"""What all builders share: slots are worked on anywhere and in any order, and committed here in theirs.

So the records depend on the settings alone. What falls is kept apart with the rule that felled it, the slot is tried
again, and a build that was interrupted goes on behind the last commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canvasagent.craft.engines import Engine, open_engine
from canvasagent.craft.making import Attempt, Built, Slot
from canvasagent.craft.records import Kind
from canvasagent.craft.repeats import Repeats
from canvasagent.craft.store import Dataset, DatasetWriter, Rejection
from canvasagent.craft.store.layout import Record
from canvasagent.craft.tally import group_of

REPEATS = ".repeats.sqlite"
SHARD_ITEMS = (25, 500)
"""Items of one run of shards, at least and at most: of a small build little is lost by a kill, too."""


@dataclass
class Progress:
    """How far a build is."""

    asked: int
    made: int = 0
    """Records, those of an earlier start included."""
    found: int = 0
    """Of them those that were there when it started."""
    fallen: Counter[str] = field(default_factory=Counter)
    """What fell, by stage, since it started."""
    missing: Counter[str] = field(default_factory=Counter)
    """Records that could not be made, by chain (of tasks: by what they were to be)."""


Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Job:
    """A build: what is made, of how many, and what works on a slot (`start` makes it, in whichever process)."""

    kind: Kind
    settings: dict[str, Any]
    """As they are kept with the dataset."""
    n: int
    attempts: int
    """How often a record is tried before it is given up."""
    start: Callable[[], Callable[[Slot], Built]]


def build(job: Job, folder: Path, *, workers: int, engine: str, tell: Tell) -> Progress:
    """Build a dataset in `folder`, or go on with it. Returns what came of it.

    Raises `InputError` for settings that cannot be used or differ from the folder's, `StorageError` for a folder in
    use or a full disk, `BackendFailure` where a worker dies: the same call goes on from the last commit.
    """
    low, high = SHARD_ITEMS
    progress = Progress(job.n)
    with DatasetWriter(folder, job.kind, job.settings, shard_items=min(high, max(low, job.n // 20))) as writer:
        repeats = Repeats(folder / REPEATS)
        try:
            begin = _restore(folder, job, repeats, progress)
            tell(progress)
            if not writer.complete and begin.number < job.n:
                with open_engine(engine, workers, job.start) as working:
                    _work(_Build(job, writer, repeats, working, progress, tell), begin)
        finally:
            repeats.close()
    return progress


def _restore(folder: Path, job: Job, repeats: Repeats, progress: Progress) -> Slot:
    """Take over what is committed; where to go on."""
    last, begin = -1, Slot(0)
    slot, tried = -1, 0
    with Dataset.open(folder) as dataset:
        repeats.restore(dataset)
        for row in dataset.columns(["index", "id"]):
            progress.made += 1
            if row["index"] > last:
                last, begin = row["index"], Slot(int(row["id"]) + 1)
        for index, rejection in dataset.rejected():
            told = rejection.record or {}
            slot, tried = told["slot"], tried + 1 if told["slot"] == slot else 1
            given_up = tried >= job.attempts
            if given_up:
                progress.missing[told["chain"]] += 1
            if index > last:
                last, begin = index, Slot(slot + 1) if given_up else Slot(slot, tried)
    progress.found = progress.made
    return begin


@dataclass(frozen=True)
class _Build:
    """What committing needs."""

    job: Job
    writer: DatasetWriter
    repeats: Repeats
    engine: Engine[Slot, Built]
    progress: Progress
    tell: Tell


def _work(build: _Build, begin: Slot) -> None:
    def slots() -> Iterator[Slot]:
        yield begin
        yield from map(Slot, range(begin.number + 1, build.job.n))

    for built in build.engine.map(slots()):
        while (again := _commit(build, built)) is not None:
            built = build.engine.one(again)
        build.tell(build.progress)


def _commit(build: _Build, built: Built) -> Slot | None:
    """Add what came of a slot; the attempt to go on with where its record repeats another one."""
    for attempt in built.attempts:
        again = attempt.record is not None and build.repeats.problem(attempt.record)
        if attempt.record is not None and not again:
            build.repeats.add(attempt.record)
            build.writer.add(build.writer.next_index, attempt.record, attempt.pictures)
            build.progress.made += 1
            return None
        rejection = attempt.rejection or _repeated(attempt, attempt.record, built.slot, str(again))
        build.writer.add(build.writer.next_index, None, attempt.pictures, rejection)
        build.progress.fallen[rejection.stage] += 1
    tried = built.attempts[-1].number + 1
    if tried < build.job.attempts:
        return Slot(built.slot, tried)
    build.progress.missing[str((rejection.record or {})["chain"])] += 1
    return None


def _repeated(attempt: Attempt, record: Record | None, slot: int, why: str) -> Rejection:
    assert record is not None
    kept = record.model_dump(mode="json")
    told = {"slot": slot, "attempt": attempt.number, "chain": group_of(kept), "record": kept}
    return Rejection(stage="duplicate", reason=why, record=told, images=list(dict.fromkeys(record.images)))
