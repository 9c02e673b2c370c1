"""The process by rules: a base from errors and coverage, and the caps of the rubric, each a rule with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canvasagent.rewards.judges._course import GENERATIVE, LOOKING, Course, executed

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


def rule_on(course: Course) -> Ruling:
    """The score of a course: its base, or the lowest cap that applies."""
    caps = tuple(_caps(course))
    base = base_score(course)
    return Ruling(min([base, *(cap.limit for cap in caps)]), base, caps)


def base_score(course: Course) -> float:
    """1, less 0.4 × the share of failed calls, 0.3 × that of expected tools missing, 0.2 × that of faulty turns."""
    calls = max(1, len(course.calls))
    missing = len(course.missing) / len(set(course.expected)) if course.expected else 0.0
    loss = 0.4 * len(course.failed) / calls + 0.3 * missing + 0.2 * min(1.0, course.format_faults / calls)
    return max(0.0, 1.0 - loss)


def _caps(course: Course) -> Iterator[Cap]:
    if len(course.calls) == 1:
        yield Cap(0.0, "exactly one call")
    if not course.calls:
        yield Cap(0.0, "no call at all")
    elif len(course.failed) == len(course.calls):
        yield Cap(0.3, "no call succeeded")
    yield from _claims(course)
    yield from _coverage(course)
    yield from _top_band(course)


def _claims(course: Course) -> Iterator[Cap]:
    done = {call.tool for call in course.calls if executed(call)}
    given_up = {call.tool for call in course.failed if call.tool in (course.expected or ())} - done
    if course.success_claimed and course.ends_on_error:
        yield Cap(0.3, "success claimed right after a failed call")
    elif course.success_claimed and given_up:
        yield Cap(0.3, f"success claimed although {_names(given_up)} only ever failed")
    if course.success_claimed and course.expected and 2 * len(course.missing) > len(set(course.expected)):
        yield Cap(0.4, "success declared with most of the expected tools never used")
    if course.asked_to_verify and not course.looked:
        yield Cap(0.5, "ended without the verification that was asked for")
    if not course.ended:
        yield Cap(0.5, "cut off: the run was never ended")


def _coverage(course: Course) -> Iterator[Cap]:
    if len(course.missing) >= 2:
        yield Cap(0.5, f"key tools never executed: {_names(course.missing)}")
    if course.expected is None:
        return
    exact = [name for name in course.missing if name not in GENERATIVE | LOOKING]
    vague = course.count(GENERATIVE) - sum(name in GENERATIVE for name in course.expected)
    if exact and vague > 0:
        yield Cap(0.4, f"a prompt in place of {_names(exact)}")
    if course.missing:
        yield Cap(BELOW_TOP, f"{_names(course.missing)} never executed")


def _top_band(course: Course) -> Iterator[Cap]:
    if course.stubborn:
        yield Cap(0.6, "a failed call made again unchanged")
    if course.bad_ids:
        yield Cap(BELOW_TOP, "a picture id that does not exist")
    if course.repeats:
        yield Cap(BELOW_TOP if course.repeats < 3 else 0.6, f"needless repeats: {course.repeats}")
    if course.expected is None:
        yield Cap(BELOW_TOP, "the key tools are not known: the task names none")
    elif len(course.calls) > 2 * len(course.expected) + 2:
        yield Cap(BELOW_TOP, f"{len(course.calls)} calls where {len(course.expected)} were expected")


def _names(tools: Iterable[str | None]) -> str:
    return ", ".join(sorted(str(tool) for tool in tools))
