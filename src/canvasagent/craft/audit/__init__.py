"""The audit of a dataset: checks of every record, repeated trajectories, duplicates and leaks.

audit(folder)            -> Audit, kept beside its page in `folder`/audit
looks.py, turns.py       one record, without running anything
again.py                 one trajectory, run again
gather.py                what is seen over all records
page.py                  the page
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from canvasagent.backends.profile import Profile
from canvasagent.craft.audit.again import run_of, steps_of
from canvasagent.craft.audit.gather import Audit, gather
from canvasagent.craft.audit.looks import AuditFinding, Look, look_at
from canvasagent.craft.engines import open_engine
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.layout import Record
from canvasagent.craft.store.reader import Unreadable
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.pages import write_page
from canvasagent.record.replay import areplay
from canvasagent.record.trajectory import Trajectory
from canvasagent.record.trust import Claim, profile_claims, recorded_profile, refuse
from canvasagent.storage.files import append_line, whole_lines, write_atomically
from canvasagent.storage.folders import NEW_FOLDER, is_temporary, locked, refuse_strangers
from canvasagent.storage.names import path_below, refuse_link
from canvasagent.version import __version__

FOLDER, PAGE, SUMMARY, PROGRESS = "audit", "report.html", "audit.json", "progress.jsonl"
_LONGEST_HEAD = 1000
"""Most bytes of the first line of a progress file."""

OnProgress = Callable[[int, int], None]
"""Called with the number of finished records and their total."""


@dataclass(frozen=True)
class AuditJob:
    """A record to look at, and whether to run it again."""

    index: int
    record: Record
    again: bool


@dataclass(frozen=True)
class AuditorFactory:
    """Makes an auditor, in whichever process."""

    folder: Path
    profile: str | None
    trust_record: bool = False

    def __call__(self) -> Auditor:
        return Auditor(self)


@dataclass
class Auditor:
    """Looks at records, one after the other; tools are made once a profile."""

    start: AuditorFactory
    _boxes: dict[str, ToolBox] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dataset = Dataset.open(self.start.folder)
        self._runner = asyncio.Runner()

    def __call__(self, job: AuditJob) -> Look:
        """What is seen of a record."""
        look = look_at(job.index, job.record, self._dataset)
        if job.again and isinstance(job.record, SftRecord):
            self._again(job.record, look)
        return look

    def _again(self, record: SftRecord, look: Look) -> None:
        try:
            run = run_of(record, self._dataset)
            used = self.start.profile or _own_profile(run, self.start.trust_record)
            report = self._runner.run(areplay(run, self._box(used)))
        except CanvasAgentError as error:
            look.found.append(AuditFinding(trouble="drift", where=record.id, words=f"it cannot be run again: {error}"))
            return
        look.steps = steps_of(report)
        look.found += [AuditFinding(trouble="drift", where=record.id, words=words) for words in report.drifts]

    def _box(self, profile: object) -> ToolBox:
        key = profile if isinstance(profile, str) else repr(profile)
        if key not in self._boxes:
            self._boxes[key] = ToolBox(profile, workers=1)  # type: ignore[arg-type]
        return self._boxes[key]

    def close(self) -> None:
        """Close tools and files."""
        self._runner.close()
        self._dataset.close()
        for box in self._boxes.values():
            box.close()


def audit(
    folder: str | Path,
    *,
    profile: str | None = None,
    trust_record: bool = False,
    sample: int | None = None,
    workers: int = 1,
    out: str | Path | None = None,
    on_progress: OnProgress = lambda done, of: None,
) -> Audit:
    """Audit the dataset in `folder` and write page and summary to `out` (`folder`/audit).

    `profile` runs all trajectories with those tools (None: each with its own); `sample` runs so many, spread evenly
    (0: none, None: all). An interrupted audit resumes. Raises `InputError` where there is no
    dataset, or something else in `out`, or a record's own profile is none to use without asking (see
    `canvasagent.record.trust`), unless `trust_record`; `StorageError` where it is damaged beyond reading.
    """
    folder = Path(folder)
    place = Path(out) if out is not None else path_below(folder, FOLDER)
    _refuse_other_folder(place)
    with Dataset.open(folder) as dataset:
        chosen = _chosen(dataset, sample)
        if profile is None and chosen:
            refuse(f"the dataset in '{folder}'", _claims(dataset, chosen), trust_record)
        with locked(place, "another audit is writing to", _refuse_other_folder):
            key = _key(dataset, profile, sample)
            broken = [
                AuditFinding(trouble="store", where=words.split("'")[1], words=words) for words in dataset.verify()
            ]
            factory = AuditorFactory(folder, profile, trust_record)
            broken += _look_at_all(dataset, place / PROGRESS, key, chosen, factory, workers, on_progress)
            report = gather(dataset, _read(place / PROGRESS, key), broken, profile=profile)
            from canvasagent.craft.audit.page import page

            write_atomically(place / SUMMARY, report.model_dump_json(indent=1).encode("utf-8"))
            write_page(place / PAGE, page(report, dataset))
    return report


def _look_at_all(
    dataset: Dataset,
    progress: Path,
    key: str,
    chosen: range | set[int],
    factory: AuditorFactory,
    workers: int,
    on_progress: OnProgress,
) -> list[AuditFinding]:
    """Look at the records that `progress` does not have yet, and add them to it. Returns the unreadable ones."""
    total = len(dataset)
    unreadable: list[Unreadable] = []
    done = _looked_at(progress, key)
    on_progress(len(done), total)
    jobs = (
        AuditJob(index, record, at in chosen)
        for at, (index, record) in enumerate(dataset.indexed(skip=unreadable.append))
        if index not in done
    )
    with open_engine("local", workers, factory) as engine:
        for count, look in enumerate(engine.map(jobs), len(done) + 1):
            append_line(progress, look.model_dump_json(exclude_defaults=True))
            on_progress(count, total)
    return [
        AuditFinding(trouble="schema", where=item.where, words=f"it cannot be read: {item.why}.") for item in unreadable
    ]


def _refuse_other_folder(place: Path) -> None:
    """Raise `InputError` where `place` holds something, but no audit."""
    refuse_link(place / PROGRESS)
    if not _is_progress(place / PROGRESS):
        refuse_strangers(place, NEW_FOLDER, lambda name: is_temporary(name, PROGRESS))


def _is_progress(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            first = json.loads(stream.readline(_LONGEST_HEAD))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and first.keys() == {"audit"}


def _chosen(dataset: Dataset, sample: int | None) -> range | set[int]:
    """Which records, counted from 0, are run again."""
    total = len(dataset)
    if dataset.kind != "sft":
        return range(0)
    if sample is None or sample >= total:
        return range(total)
    return {at * total // sample for at in range(sample)}


def _claims(dataset: Dataset, chosen: range | set[int]) -> list[Claim]:
    """What the profiles in records that are run again name and may not decide, each once."""
    claims: dict[Claim, None] = {}
    for at, (_, record) in enumerate(dataset.indexed(skip=lambda unreadable: None)):  # the audit itself counts those
        settings = (record.trajectory or {}).get("profile_settings") if isinstance(record, SftRecord) else None
        if at in chosen and settings:
            with contextlib.suppress(ValidationError):  # a trajectory that cannot be read is not run again
                claims |= dict.fromkeys(profile_claims(Profile.model_validate(settings)))
    return list(claims)


def _own_profile(run: Trajectory, trust: bool) -> str | Profile:
    """The profile that a record's trajectory was made with; `lite` where it does not hold one."""
    return recorded_profile(run, trust=trust) if run.profile_settings else "lite"


def _key(dataset: Dataset, profile: str | None, sample: int | None) -> str:
    """What an audit is of: one that was interrupted goes on only with the very same."""
    shards = "".join(shard.sha256 for shard in dataset.manifest.shards)
    return hashlib.sha256(f"{shards} {profile} {sample} {__version__}".encode()).hexdigest()


def _looked_at(file: Path, key: str) -> set[int]:
    """The indexes that an audit of the same `key` has looked at; a file of another audit is begun anew."""
    done = {look.index for look in _read(file, key)}
    if not done:
        write_atomically(file, (json.dumps({"audit": key}) + "\n").encode())
    return done


def _read(file: Path, key: str) -> Iterator[Look]:
    """The looks kept in a progress file of this very audit; none where it is of another."""
    try:
        for number, line in enumerate(whole_lines(file)):
            if number:
                yield Look.model_validate_json(line)
            elif json.loads(line) != {"audit": key}:
                return
    except ValueError:  # damaged: what follows is looked at again
        return
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}.") from error


__all__ = [
    "FOLDER",
    "PAGE",
    "Audit",
    "AuditFinding",
    "AuditJob",
    "Auditor",
    "AuditorFactory",
    "Look",
    "audit",
    "gather",
    "look_at",
]
