"""A statement does not hold."""

from __future__ import annotations

from collections.abc import Iterable

from canvasagent.rewards.checks._composed import Statement
from canvasagent.rewards.checks._pixels import share
from canvasagent.rewards.checks._registry import all_checks, hold
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class Not(Parameters):
    """What `not` takes."""

    of: Statement
    """The statement that must not hold."""


def measure(parameters: Not, result: Result) -> Finding:
    """One less the score. Of a missing picture or answer nothing holds, that it lacks something neither; and of what
    cannot be measured the opposite cannot be either.
    """
    looks_at = result.answer if all_checks()[parameters.of["check"]].about == "answer" else result.final
    outcome = hold(parameters.of, result)
    if looks_at is None:
        return Finding(0.0, False, outcome.finding.why)
    if not outcome.finding.measured:
        return outcome.finding
    return Finding(share(1 - outcome.finding.score), not outcome.finding.passed, f"not: {outcome.finding.why}")


def examples(seed: int) -> Iterable[Example]:
    """Answers that lack a word, or have it after all."""
    for number in range(3 + seed % 3, 9 + seed % 3):
        answer = Result(None, (), f"There are {number} red cars.")
        yield Example({"of": {"check": "answer_contains", "words": [str(number + 1)]}}, answer, True)
        yield Example({"of": {"check": "answer_contains", "words": [str(number)]}}, answer, False, 0.5)
    yield Example({"of": {"check": "answer_contains", "words": ["blue"]}}, Result(None), False)


CHECK = Check(
    name="not",
    summary="A statement does not hold.",
    parameters=Not,
    measure=measure,
    examples=examples,
    means="Those of the check that it is made of.",
)
