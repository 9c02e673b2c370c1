"""The builder of trajectories and tasks: workers process items in any order, and this module commits them in order.

The records therefore depend on the settings alone. Rejected attempts are stored with the rule that rejected them and
the item is tried again. An interrupted build continues after the last commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from canvasagent.craft.engines import Engine, open_engine
from canvasagent.craft.funnel import write_funnel
from canvasagent.craft.repeats import Repeats
from canvasagent.craft.store import Dataset, Rejection
from canvasagent.craft.store.layout import Record
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.craft.tally import group_of
from canvasagent.craft.worker import Attempt, BuildSettings, WorkItem, WorkResult

REPEATS = ".repeats.sqlite"
SHARD_ITEMS = (25, 500)
"""Items of one run of shards, at least and at most: of a small build little is lost by a kill, too."""


@dataclass
class Progress:
    """The progress of a build."""

    requested: int
    made: int = 0
    """Records so far, including those of earlier starts."""
    existing: int = 0
    """Records of earlier starts."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rejected attempts since the start, by stage."""
    missing: Counter[str] = field(default_factory=Counter)
    """Records that could not be made, by chain (tasks: by their difficulty)."""


OnProgress = Callable[[Progress], None]


def build(
    settings: BuildSettings,
    folder: Path,
    *,
    workers: int = 1,
    engine: str = "local",
    on_progress: OnProgress = lambda progress: None,
) -> Progress:
    """Build a dataset in `folder`, or continue it, and write its funnel. Returns the final counts.

    Raises `InputError` for settings that cannot be used or differ from the folder's, `StorageError` for a folder in
    use or a full disk, `BackendFailure` where a worker dies: the same call goes on from the last commit.
    """
    low, high = SHARD_ITEMS
    shard_items = min(high, max(low, settings.n // 20))
    progress = Progress(settings.n)
    with DatasetWriter(folder, settings.kind, settings.model_dump(mode="json"), shard_items=shard_items) as writer:
        repeats = Repeats(folder / REPEATS)
        try:
            begin = _restore(folder, settings, repeats, progress)
            on_progress(progress)
            if not writer.complete and begin.number < settings.n:
                with open_engine(engine, workers, settings.worker) as working:
                    _run_build(_Build(settings, writer, repeats, working, progress, on_progress), begin)
        finally:
            repeats.close()
    write_funnel(folder)
    return progress


def _restore(folder: Path, settings: BuildSettings, repeats: Repeats, progress: Progress) -> WorkItem:
    """Count what is committed; returns the item to continue with."""
    last, begin = -1, WorkItem(0)
    slot, tried = -1, 0
    with Dataset.open(folder) as dataset:
        repeats.restore(dataset)
        for row in dataset.columns(["index", "id"]):
            progress.made += 1
            # Records and rejections are stored apart; the highest index of both is where the build stopped.
            if row["index"] > last:
                last, begin = row["index"], WorkItem(int(row["id"]) + 1)
        for index, rejection in dataset.rejected():
            details = rejection.record or {}
            slot, tried = details["slot"], tried + 1 if details["slot"] == slot else 1
            given_up = tried >= settings.attempts
            if given_up:
                progress.missing[details["chain"]] += 1
            if index > last:
                last, begin = index, WorkItem(slot + 1) if given_up else WorkItem(slot, tried)
    progress.existing = progress.made
    return begin


@dataclass(frozen=True)
class _Build:
    """The state of a running build."""

    settings: BuildSettings
    writer: DatasetWriter
    repeats: Repeats
    engine: Engine[WorkItem, WorkResult]
    progress: Progress
    on_progress: OnProgress


def _run_build(build: _Build, begin: WorkItem) -> None:
    def slots() -> Iterator[WorkItem]:
        yield begin
        yield from map(WorkItem, range(begin.number + 1, build.settings.n))

    for built in build.engine.map(slots()):
        # Only the commit knows the records before it, so it finds repeats; the worker then makes another attempt.
        while (again := _commit(build, built)) is not None:
            built = build.engine.one(again)
        build.on_progress(build.progress)


def _commit(build: _Build, built: WorkResult) -> WorkItem | None:
    """Add the result of an item. Returns the next attempt if its record repeats another one."""
    for attempt in built.attempts:
        again = attempt.record is not None and build.repeats.problem(attempt.record)
        if attempt.record is not None and not again:
            build.repeats.add(attempt.record)
            build.writer.add(build.writer.next_index, attempt.record, attempt.pictures)
            build.progress.made += 1
            return None
        rejection = attempt.rejection or _repeated(attempt, attempt.record, built.slot, str(again))
        build.writer.add(build.writer.next_index, None, attempt.pictures, rejection)
        build.progress.rejected[rejection.stage] += 1
    tried = built.attempts[-1].number + 1
    if tried < build.settings.attempts:
        return WorkItem(built.slot, tried)
    build.progress.missing[str((rejection.record or {})["chain"])] += 1
    return None


def _repeated(attempt: Attempt, record: Record | None, slot: int, why: str) -> Rejection:
    assert record is not None
    kept = record.model_dump(mode="json")
    details = {"slot": slot, "attempt": attempt.number, "chain": group_of(kept), "record": kept}
    return Rejection(stage="duplicate", reason=why, record=details, images=list(dict.fromkeys(record.images)))
