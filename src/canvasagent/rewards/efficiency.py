"""Efficiency: what errors, repeats, long reasons, needless calls and missing tools cost (equation 7).

Each penalty is 0 or more and is reported apart. Calls that failed through our fault cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from canvasagent.rewards.config import Penalties


@dataclass(slots=True)
class Costs:
    """The five terms of equation 7, each 0 or more."""

    error: float
    repeat: float
    length: float
    cost: float
    miss: float

    @property
    def total(self) -> float:
        """Equation 7: their sum."""
        return efficiency(self)


def efficiency(costs: Costs) -> float:
    """Equation 7: error + repeat + length + cost + miss; 0 or more (0.915 at most with the paper's constants)."""
    return costs.error + costs.repeat + costs.length + costs.cost + costs.miss


def error_penalty(failed: int, constants: Penalties) -> float:
    """Equation 7, error: 0.1 for each failed call, at most 0.5."""
    return min(constants.error_cap, constants.error * failed)


def repeat_penalty(exact: int, same_tool: int, constants: Penalties) -> float:
    """Equation 7, repeat: 0.04 for each exact repeat, 0.02 for the same tool again, at most 0.12."""
    return min(constants.repeat_cap, constants.exact_repeat * exact + constants.same_tool * same_tool)


def length_penalty(lengths: Sequence[int], constants: Penalties) -> float:
    """Equation 7, length: `lengths` are words per turn. 0.03 for each 256 words beyond 256, in proportion, at most
    0.05 a turn and 0.10 in all.
    """
    free = constants.length_free
    each = [min(constants.length_turn_cap, constants.length * (n - free) / free) for n in lengths if n > free]
    return min(constants.length_cap, sum(each))


def cost_penalty(calls: int, expected: int | None, constants: Penalties) -> float:
    """Equation 7, cost: calls beyond the expected sequence and its grace; 0 where none is known to be expected."""
    if expected is None:
        return 0.0
    band = constants.band(expected)
    beyond = calls - expected - max(band.grace, int(band.grace_share * expected))
    return min(band.at_most, band.each * beyond) if beyond > 0 else 0.0


def miss_penalty(missing: int, expected: Collection[str], length: int, constants: Penalties) -> float:
    """Equation 7, miss: 0.15 × the missing share of the set of expected tools, scaled by how many calls (`length`)
    are expected: × 1 up to 2, 0.85 up to 4, 0.65 beyond.
    """
    if not expected:
        return 0.0
    return constants.miss * missing / len(expected) * constants.band(length).miss_scale


def count_adjacent_repeats(identities: Sequence[tuple[object, ...]], ran: Sequence[bool]) -> tuple[int, int]:
    """How many calls repeat an adjacent one exactly, and how many more use the tool of the last call that ran.

    Two calls are adjacent if no call that ran lies between them, so a failed call in between saves nothing. A failed
    call that is repeated with other arguments is no repeat.
    """
    adjacent: set[tuple[object, ...]] = set()
    last: object = None
    exact = same_tool = 0
    for identity, worked in zip(identities, ran, strict=True):
        if identity in adjacent:
            exact += 1
        elif identity[0] == last:
            same_tool += 1
        if worked:
            adjacent, last = {identity}, identity[0]
        else:
            adjacent.add(identity)
    return exact, same_tool


def count_all_repeats(identities: Sequence[tuple[object, ...]], ran: Sequence[bool]) -> tuple[int, int]:
    """The release's rule: how many calls repeat any earlier one exactly, and how many more use the tool of the last
    call that ran.
    """
    seen: set[tuple[object, ...]] = set()
    last: object = None
    exact = same_tool = 0
    for identity, worked in zip(identities, ran, strict=True):
        if identity in seen:
            exact += 1
        elif identity[0] == last:
            same_tool += 1
        seen.add(identity)
        last = identity[0] if worked else last
    return exact, same_tool
