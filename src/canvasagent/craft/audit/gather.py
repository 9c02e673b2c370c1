"""What an audit saw, over all records: troubles, drift by tool, repetitions, leaks, distributions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.craft.audit.looks import TROUBLES, AuditFinding, Look, Trouble
from canvasagent.craft.records import Kind
from canvasagent.craft.sources.duplicates import groups
from canvasagent.craft.store import Dataset
from canvasagent.craft.tally import TableRow, asked_counts, table_3, table_7, table_8, tally
from canvasagent.version import __version__

EXAMPLES = 25
"""Troubles of each sort that are kept in words."""
PAIRS = 8
"""Pairs of near-duplicates that are shown."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToolDrift(_Part):
    """How the steps with one tool came out again."""

    steps: int = 0
    same: int = 0
    outcome: int = 0
    pixels: int = 0
    observation: int = 0
    inherited: int = 0
    """Of those that differ: a picture that they work on differed already."""
    mean: float | None = None
    """Mean difference of the pictures that differ and can be compared."""


class Pair(_Part):
    """Two pictures that are nearly the same, of two records."""

    first: str
    second: str
    records: tuple[str, str]
    splits: tuple[str, str]


class Audit(_Part):
    """All of it."""

    kind: Kind
    records: int
    complete: bool
    canvasagent: str = __version__
    profile: str | None
    """What trajectories were run again with; None: each with its own."""
    splits: dict[str, int]
    again: int
    """Trajectories that were run again."""
    again_same: int
    counts: dict[Trouble, int]
    examples: dict[Trouble, list[AuditFinding]]
    drift: dict[str, ToolDrift]
    pairs: list[Pair] = Field(default_factory=list)
    unique_wordings: int
    """Distinct requests, whatever their pictures."""
    request_words: dict[int, int]
    reason_words: dict[int, int]
    calls: dict[int, int]
    inputs: dict[int, int]
    sides: dict[int, int]
    """Pictures by their longer side in pixels."""
    having: dict[str, int]
    together: list[tuple[str, str, int]]
    """Tools that records call both, and how many do."""
    table_3: dict[str, list[TableRow]]
    table_7: list[TableRow]
    table_8: list[TableRow]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not any(self.counts.values())


class _Troubles:
    """Counts troubles and keeps the first in words."""

    def __init__(self) -> None:
        self.counts: Counter[Trouble] = Counter()
        self.examples: dict[Trouble, list[AuditFinding]] = {name: [] for name in TROUBLES}

    def add(self, finding: AuditFinding) -> None:
        self.counts[finding.trouble] += 1
        if len(self.examples[finding.trouble]) < EXAMPLES:
            self.examples[finding.trouble].append(finding)


class _Inputs:
    """Input pictures, each with the first record that has it and the splits that have it."""

    def __init__(self) -> None:
        self.first: dict[str, tuple[str, str]] = {}
        self.prints: dict[str, int] = {}
        self.by_split: dict[str, dict[str, str]] = {}

    def add(self, look: Look) -> None:
        prints = dict(zip(look.inputs, look.fingerprints, strict=False))
        for key in look.inputs:
            self.first.setdefault(key, (look.id, look.split))
            self.by_split.setdefault(key, {}).setdefault(look.split, look.id)
            if key in prints:
                self.prints.setdefault(key, int(prints[key], 16))


def gather(dataset: Dataset, looks: Iterable[Look], broken: list[AuditFinding], *, profile: str | None) -> Audit:
    """Put together what was seen of the records of `dataset`."""
    troubles, inputs = _Troubles(), _Inputs()
    counters: dict[str, Counter[int]] = {name: Counter() for name in ("request", "reason", "sides")}
    drift: dict[str, ToolDrift] = {}
    means: dict[str, list[float]] = {}
    requests: dict[str, str] = {}
    wordings: set[str] = set()
    again = again_same = 0
    for finding in broken:
        troubles.add(finding)
    for look in looks:
        for finding in look.found:
            troubles.add(finding)
        if (before := requests.setdefault(look.request, look.id)) != look.id:
            words = f"the same request of the same pictures as record {before}."
            troubles.add(AuditFinding(trouble="duplicate", where=look.id, words=words))
        wordings.add(look.wording)
        inputs.add(look)
        counters["request"][look.request_words] += 1
        counters["reason"].update(look.reason_words)
        counters["sides"].update(look.sides)
        if look.steps is not None:
            again += 1
            again_same += not any(finding.trouble == "drift" for finding in look.found)
            _add_drift(look, drift, means)
    for name, values in means.items():
        drift[name].mean = sum(values) / len(values)
    pairs = _shared(inputs, troubles)
    counts = tally(dataset)
    requested = asked_counts(dataset.settings)
    return Audit(
        kind=dataset.kind,
        records=counts.records,
        complete=dataset.complete,
        profile=profile,
        splits=dict(counts.splits),
        again=again,
        again_same=again_same,
        counts={name: troubles.counts[name] for name in TROUBLES},
        examples=troubles.examples,
        drift=dict(sorted(drift.items())),
        pairs=pairs,
        unique_wordings=len(wordings),
        request_words=_sorted(counters["request"]),
        reason_words=_sorted(counters["reason"]),
        calls=_sorted(counts.lengths),
        inputs=_sorted(counts.inputs),
        sides=_sorted(counters["sides"]),
        having=dict(counts.having),
        together=[(first, second, count) for (first, second), count in sorted(counts.together.items())],
        table_3=table_3(counts),
        table_7=table_7(counts, requested),
        table_8=table_8(counts, requested),
    )


def _sorted(counter: Counter[int]) -> dict[int, int]:
    return dict(sorted(counter.items()))


def _add_drift(look: Look, drift: dict[str, ToolDrift], means: dict[str, list[float]]) -> None:
    for step in look.steps or []:
        of = drift.setdefault(step.tool, ToolDrift())
        of.steps += 1
        of.same += step.same
        of.outcome += step.outcome
        of.pixels += step.pixels
        of.observation += step.observation
        of.inherited += step.inherited and not step.same
        if step.mean is not None:
            means.setdefault(step.tool, []).append(step.mean)


def _shared(inputs: _Inputs, troubles: _Troubles) -> list[Pair]:
    """Pictures that splits share, and pictures of different records that are nearly the same; the first pairs."""
    for key, splits in inputs.by_split.items():
        if len(splits) > 1:
            listing = ", ".join(f"{split} (record {name})" for split, name in splits.items())
            words = f"the picture {key[:12]}… is in {listing}."
            troubles.add(AuditFinding(trouble="leak", where=next(iter(splits.values())), words=words))
    keys, pairs = list(inputs.prints), list[Pair]()
    for at, root in enumerate(groups([inputs.prints[key] for key in keys])):
        first, second = keys[root], keys[at]
        one, other = inputs.first[first], inputs.first[second]
        if at == root or one[0] == other[0]:
            continue
        trouble: Trouble = "duplicate" if one[1] == other[1] else "leak"
        words = f"the picture {second[:12]}… is nearly that of record {one[0]} ({one[1]})."
        troubles.add(AuditFinding(trouble=trouble, where=other[0], words=words))
        if len(pairs) < PAIRS:
            pairs.append(Pair(first=first, second=second, records=(one[0], other[0]), splits=(one[1], other[1])))
    return pairs
