"""The process by rules: a base from errors and coverage, and the caps of the rubric, each a rule with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canvasagent.rewards.judges._run_stats import GENERATIVE, LOOKING, RunStats, executed

BELOW_TOP = 0.85
"""What keeps a run out of the top band, which begins at 0.9, caps it here."""


@dataclass(frozen=True)
class Cap:
    """The most that a run can get, and why."""

    limit: float
    why: str


@dataclass(frozen=True)
class Ruling:
    """A score and how it came about."""

    score: float
    base: float
    caps: tuple[Cap, ...]


def rule_on(stats: RunStats) -> Ruling:
    """The score of a course: its base, or the lowest cap that applies."""
    caps = tuple(_caps(stats))
    base = base_score(stats)
    return Ruling(min([base, *(cap.limit for cap in caps)]), base, caps)


def base_score(stats: RunStats) -> float:
    """1, less 0.4 × the share of failed calls, 0.3 × that of expected tools missing, 0.2 × that of faulty turns."""
    calls = max(1, len(stats.calls))
    missing = len(stats.missing) / len(set(stats.expected)) if stats.expected else 0.0
    loss = 0.4 * len(stats.failed) / calls + 0.3 * missing + 0.2 * min(1.0, stats.format_faults / calls)
    return max(0.0, 1.0 - loss)


def _caps(stats: RunStats) -> Iterator[Cap]:
    if len(stats.calls) == 1:
        yield Cap(0.0, "exactly one call")
    if not stats.calls:
        yield Cap(0.0, "no call at all")
    elif len(stats.failed) == len(stats.calls):
        yield Cap(0.3, "no call succeeded")
    yield from _claims(stats)
    yield from _coverage(stats)
    yield from _top_band(stats)


def _claims(stats: RunStats) -> Iterator[Cap]:
    done = {call.tool for call in stats.calls if executed(call)}
    given_up = {call.tool for call in stats.failed if call.tool in (stats.expected or ())} - done
    if stats.success_claimed and stats.ends_on_error:
        yield Cap(0.3, "success claimed right after a failed call")
    elif stats.success_claimed and given_up:
        yield Cap(0.3, f"success claimed although {_names(given_up)} only ever failed")
    if stats.success_claimed and stats.expected and 2 * len(stats.missing) > len(set(stats.expected)):
        yield Cap(0.4, "success declared with most of the expected tools never used")
    if stats.asked_to_verify and not stats.looked:
        yield Cap(0.5, "ended without the verification that was asked for")
    if not stats.ended:
        yield Cap(0.5, "cut off: the run was never ended")


def _coverage(stats: RunStats) -> Iterator[Cap]:
    if len(stats.missing) >= 2:
        yield Cap(0.5, f"key tools never executed: {_names(stats.missing)}")
    if stats.expected is None:
        return
    exact = [name for name in stats.missing if name not in GENERATIVE | LOOKING]
    vague = stats.count(GENERATIVE) - sum(name in GENERATIVE for name in stats.expected)
    if exact and vague > 0:
        yield Cap(0.4, f"a prompt in place of {_names(exact)}")
    if stats.missing:
        yield Cap(BELOW_TOP, f"{_names(stats.missing)} never executed")


def _top_band(stats: RunStats) -> Iterator[Cap]:
    if stats.stubborn:
        yield Cap(0.6, "a failed call made again unchanged")
    if stats.bad_ids:
        yield Cap(BELOW_TOP, "a picture id that does not exist")
    if stats.repeats:
        yield Cap(BELOW_TOP if stats.repeats < 3 else 0.6, f"needless repeats: {stats.repeats}")
    if stats.expected is None:
        yield Cap(BELOW_TOP, "the key tools are not known: the task names none")
    elif len(stats.calls) > 2 * len(stats.expected) + 2:
        yield Cap(BELOW_TOP, f"{len(stats.calls)} calls where {len(stats.expected)} were expected")


def _names(tools: Iterable[str | None]) -> str:
    return ", ".join(sorted(str(tool) for tool in tools))
