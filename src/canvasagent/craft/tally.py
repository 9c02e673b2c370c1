"""Counts of a dataset, compared with the paper's Tables 3, 7 and 8."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ConfigDict

from canvasagent.craft.difficulty import LEVELS, of_diversity, of_length
from canvasagent.craft.pictures import Split
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.reader import Unreadable
from canvasagent.storage.foreign_json import dig, read_json

TABLE_3: dict[str, dict[str, int]] = {
    "R": {"easy": 761, "medium": 1807, "hard": 7432},
    "L": {"easy": 476, "medium": 4687, "hard": 4837},
    "D": {"easy": 2317, "medium": 5631, "hard": 2052},
}
"""The paper's Table 3: 10,000 tasks by reasoning, length and diversity."""
HARD = "multi-tool hard"
"""The row of Table 7 that Table 8 breaks down."""
OTHER = "other"
"""The row for records of no chain of the paper."""


class TableRow(BaseModel):
    """A row of a table: the paper's count beside the dataset's."""

    model_config = ConfigDict(extra="forbid")

    name: str
    paper: int
    here: int
    paper_share: float
    here_share: float
    asked: int | None = None
    """The requested number, if the build's settings have one."""

    @property
    def difference(self) -> float:
        """Share here minus the paper's."""
        return self.here_share - self.paper_share


class _Counted(BaseModel):
    """The counted columns of a record."""

    split: Split
    chain: str
    difficulty: dict[str, str]
    tools: list[str] = []
    """Of a trajectory."""
    expected_tools: list[str] | None = None
    """Of a task."""
    inputs: int | None = None
    images: list[str] = []


class Tally:
    """Counts over the records of a dataset, in constant memory."""

    def __init__(self) -> None:
        self.splits: Counter[str] = Counter()
        self.chains: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        """Chains as the records name them."""
        self.levels: dict[str, Counter[str]] = {axis: Counter() for axis in TABLE_3}
        self.calls: Counter[str] = Counter()
        """How often each tool is called."""
        self.having: Counter[str] = Counter()
        """How many records call each tool."""
        self.together: Counter[tuple[str, str]] = Counter()
        """How many records call both tools; the names in order."""
        self.lengths: Counter[int] = Counter()
        """Records by how many calls they have."""
        self.inputs: Counter[int] = Counter()
        """Records by how many input pictures they have."""
        self.unreadable = 0
        """Records, or whole shards, that cannot be read; they count nowhere else."""

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(self.splits.values())

    def add(self, row: dict[str, Any]) -> None:
        """Count a record, given as some of its columns (see `tally`), or as `unreadable` where they make no sense."""
        try:
            levels_data = read_json(row["difficulty"]) if row["difficulty"] else {}
            counted = _Counted.model_validate({**row, "difficulty": levels_data})
        except ValueError:
            self.unreadable += 1
            return
        tools = counted.tools if counted.expected_tools is None else counted.expected_tools
        self.splits[counted.split] += 1
        self.names[counted.chain] += 1
        self.chains[chain_of(counted.chain, tools)] += 1
        levels = {"L": of_length(len(tools)), "D": of_diversity(tools), **counted.difficulty}
        for axis, counter in self.levels.items():
            counter[levels.get(axis, "unknown")] += 1
        self.calls.update(tools)
        self.having.update(set(tools))
        self.together.update(combinations(sorted(set(tools)), 2))
        self.lengths[len(tools)] += 1
        self.inputs[len(counted.images) if counted.inputs is None else counted.inputs] += 1


def tally(dataset: Dataset) -> Tally:
    """Count a dataset, reading only what is counted."""
    columns = ["split", "chain", "difficulty"]
    columns += ["tools", "inputs"] if dataset.kind == "sft" else ["expected_tools", "images"]
    counts = Tally()

    def skip(_: Unreadable) -> None:
        counts.unreadable += 1

    for row in dataset.columns(columns, skip=skip):
        counts.add(row)
    return counts


def asked_counts(settings: Mapping[str, Any], name: str = "counts") -> dict[str, int] | None:
    """How many records of each chain (`cells`: of each difficulty) were requested; None if unknown."""
    counts = dig(settings, name)
    if not isinstance(counts, dict) or not all(isinstance(count, int) for count in counts.values()):
        return None
    return counts or None


def group_of(row: Mapping[str, Any]) -> str:
    """What a record is counted under in a build: its chain; of tasks, what they were to be (`hard/medium/easy`)."""
    if "expected_tools" not in row and "gold_steps" not in row:
        return str(row["chain"])
    value = row["difficulty"]
    levels = json.loads(value) if isinstance(value, str) else value
    return "/".join(str(levels.get(axis)) for axis in "RLD")


def chain_of(name: str, tools: Iterable[str]) -> str:
    """The chain of the paper that a record belongs to: by its name, or, if it was imported, by its calls."""
    from canvasagent.craft.chains import load_chains

    chains = load_chains()
    if name in chains:
        return name
    if name == "released":
        by_tools = {chain.tools: chain.name for chain in reversed(chains.values())}
        return by_tools.get(tuple(tools), OTHER)
    return OTHER


def table_3(counts: Tally) -> dict[str, list[TableRow]]:
    """R, L and D beside the paper's Table 3."""
    return {
        axis: [_line(level, paper[level], 10_000, counts.levels[axis][level], counts.records) for level in LEVELS]
        for axis, paper in TABLE_3.items()
    }


def table_7(counts: Tally, requested: dict[str, int] | None = None) -> list[TableRow]:
    """The dataset's chains beside the paper's Table 7; the chains of Table 8 are one row, what is neither another."""
    from canvasagent.craft.chains import load_chains
    from canvasagent.craft.chains.load import PRINTED

    chains = load_chains().values()
    rows = [(chain.name, chain.count, counts.chains[chain.name]) for chain in chains if chain.table == 7]
    hard = [chain.name for chain in chains if chain.table == 8]
    rows.append((HARD, PRINTED[8], sum(counts.chains[name] for name in hard)))
    known = requested and {**requested, HARD: sum(requested.get(name, 0) for name in hard)}
    lines = [_line(name, paper, PRINTED[7], here, counts.records, known) for name, paper, here in rows]
    return [*lines, *_other(counts)]


def table_8(counts: Tally, requested: dict[str, int] | None = None) -> list[TableRow]:
    """The dataset's hard chains beside the paper's Table 8; shares are of these alone."""
    from canvasagent.craft.chains import load_chains
    from canvasagent.craft.chains.load import PRINTED

    chains = [chain for chain in load_chains().values() if chain.table == 8]
    total = sum(counts.chains[chain.name] for chain in chains)
    return [_line(chain.name, chain.count, PRINTED[8], counts.chains[chain.name], total, requested) for chain in chains]


def _other(counts: Tally) -> list[TableRow]:
    here = counts.chains[OTHER]
    return [_line(OTHER, 0, 1, here, counts.records)] if here else []


def _line(name: str, paper: int, of: int, here: int, total: int, requested: dict[str, int] | None = None) -> TableRow:
    return TableRow(
        name=name,
        paper=paper,
        here=here,
        paper_share=paper / of,
        here_share=here / total if total else 0.0,
        asked=requested.get(name, 0) if requested else None,
    )
