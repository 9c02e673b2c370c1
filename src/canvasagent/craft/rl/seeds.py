"""Which reasoning (R), length (L) and diversity (D) each task is to have: exact marginals, drawn together by lot.

The joint counts come as near to independence as the margins let them; no task gets a cell that cannot be (5 distinct
tools in at most 4 calls). Counts are integers from the start, so any n meets its marginals exactly.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from canvasagent.craft.chains.mixes import shares, shuffled
from canvasagent.craft.difficulty import LEVELS, Level
from canvasagent.craft.tally import TABLE_3
from canvasagent.errors import InputError

AXES = ("R", "L", "D")
ROUNDS = 200
"""Rounds of proportional fitting; a table of this size is settled long before."""

Table = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Seed:
    """What a task is to be measured as."""

    R: Level
    L: Level
    D: Level

    @property
    def name(self) -> str:
        """`R hard, L medium, D easy`"""
        return f"R {self.R}, L {self.L}, D {self.D}"

    @property
    def levels(self) -> dict[str, str]:
        """As records keep it."""
        return {"R": self.R, "L": self.L, "D": self.D}


def marginals(weights: Mapping[str, Sequence[float]], n: int) -> dict[str, dict[str, int]]:
    """Counts of easy, medium and hard on each axis for `n` tasks, by largest remainder; Table 3's where none are given.

    Raises `InputError` for weights that are none.
    """
    by_axis: dict[str, dict[str, int]] = {}
    for axis in AXES:
        chosen = weights.get(axis) or [TABLE_3[axis][level] for level in LEVELS]
        usable = len(chosen) == 3 and all(0 <= weight < float("inf") for weight in chosen)
        if not usable or not sum(chosen):
            raise InputError(
                f"{axis}: give three weights of 0 or more for easy, medium and hard, such as 761,1807,7432."
            )
        by_axis[axis] = shares(dict(zip(LEVELS, map(float, chosen), strict=True)), n)
    if by_axis["L"]["easy"] + by_axis["D"]["hard"] > n:
        raise InputError(
            f"{by_axis['L']['easy']} short tasks (at most 4 calls) and {by_axis['D']['hard']} with 5 distinct tools or "
            f"more do not fit into {n}: no task can be both. Ask for fewer of either."
        )
    return by_axis


def cells(counts: Mapping[str, Mapping[str, int]], seed: int) -> dict[str, int]:
    """How many tasks each combination gets, by its name; the margins are met exactly."""
    short = _joint(counts["L"], counts["D"], f"{seed}:LD", barred={("easy", "hard")})
    pairs = {f"{row}/{column}": count for (row, column), count in short.items() if count}
    whole = _joint(counts["R"], pairs, f"{seed}:R", barred=set())
    return {f"{row}/{pair}": count for (row, pair), count in sorted(whole.items()) if count}


def seed_at(counted: Mapping[str, int], seed: int, index: int) -> Seed:
    """The seed of task `index`: every combination comes up as often as it is counted, in a seeded order."""
    names, ends = list(counted), list(accumulate(counted.values()))
    reasoning, length, diversity = names[bisect_right(ends, shuffled(index, ends[-1], seed))].split("/")
    return Seed(_level(reasoning), _level(length), _level(diversity))


def _level(name: str) -> Level:
    return next(level for level in LEVELS if level == name)


def _joint(rows: Mapping[str, int], columns: Mapping[str, int], key: str, barred: set[tuple[str, str]]) -> Table:
    """Integer counts with these margins, none in `barred`: what fits best rounded down, the rest paired by lot."""
    fitted = _fitted(rows, columns, barred)
    table: Table = {cell: int(share + 1e-9) for cell, share in fitted.items()}
    table |= dict.fromkeys(barred, 0)
    chance = random.Random(f"{key}:rest")
    left = [row for row in rows for _ in range(rows[row] - sum(table[row, column] for column in columns))]
    right = [column for column in columns for _ in range(columns[column] - sum(table[row, column] for row in rows))]
    chance.shuffle(right)
    pairs = list(zip(left, right, strict=True))
    for pair in pairs:
        table[pair] += 1
    for bad in barred:
        _unbarred(table, bad, chance)
    return table


def _unbarred(table: Table, bad: tuple[str, str], chance: random.Random) -> None:
    """Move what is in a barred cell elsewhere: two cells are given up for two others with the same margins."""
    while table[bad]:
        others = [cell for cell, count in table.items() if count and cell[0] != bad[0] and cell[1] != bad[1]]
        other = chance.choice(others)
        for cell, change in ((bad, -1), (other, -1), ((bad[0], other[1]), 1), ((other[0], bad[1]), 1)):
            table[cell] += change


def _fitted(
    rows: Mapping[str, int], columns: Mapping[str, int], barred: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], float]:
    """Iterative proportional fitting: as near to independence as the margins and the barred cells allow."""
    shut = set(barred)
    table = {(row, column): 0.0 if (row, column) in shut else 1.0 for row in rows for column in columns}
    for _ in range(ROUNDS):
        for axis, margin in ((0, rows), (1, columns)):
            for name, wanted in margin.items():
                cells_of = [cell for cell in table if cell[axis] == name]
                total = sum(table[cell] for cell in cells_of)
                for cell in cells_of:
                    table[cell] *= wanted / total if total else 0.0
    return _within(table, rows, columns)


def _within(
    table: dict[tuple[str, str], float], rows: Mapping[str, int], columns: Mapping[str, int]
) -> dict[tuple[str, str], float]:
    """Shrunk where fitting has not quite settled, so that no margin is exceeded once it is rounded down."""
    for axis, margin in ((0, rows), (1, columns)):
        for name, wanted in margin.items():
            total = sum(share for cell, share in table.items() if cell[axis] == name)
            if total > wanted:
                for cell in [cell for cell in table if cell[axis] == name]:
                    table[cell] *= wanted / total
    return table
