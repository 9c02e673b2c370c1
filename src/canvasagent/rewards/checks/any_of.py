"""At least one of several statements holds."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from canvasagent.rewards.checks._composed import Statement
from canvasagent.rewards.checks._registry import hold
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class AnyOf(Parameters):
    """What `any_of` takes."""

    checks: tuple[Statement, ...] = Field(min_length=1)
    """The statements, each as in a task."""


def measure(parameters: AnyOf, result: Result) -> Finding:
    """The first that holds, with its score; the highest score where none does. It is not known where none holds and
    one cannot be measured.
    """
    findings = []
    for data in parameters.checks:
        outcome = hold(data, result)
        if outcome.finding.passed:
            return Finding(outcome.finding.score, True, f"{outcome.check}: {outcome.finding.why}")
        findings.append(outcome)
    if unknown := next((item.finding for item in findings if not item.finding.measured), None):
        return unknown
    why = "none holds: " + "; ".join(f"{item.check}: {item.finding.why}" for item in findings)
    return Finding(max(item.finding.score for item in findings), False, why)


def examples(seed: int) -> Iterable[Example]:
    """Statements on an answer, of which one, both or none is right."""
    for number in range(3 + seed % 3, 9 + seed % 3):
        answer = Result(None, (), f"There are {number} red cars.")
        one, other = (
            {"check": "answer_contains", "words": [str(number)]},
            {"check": "answer_contains", "words": ["blue"]},
        )
        wrong = {"check": "answer_contains", "words": [str(number + 1)]}
        yield Example({"checks": [wrong, one] if number % 2 else [one]}, answer, True)
        yield Example({"checks": [wrong]}, answer, False, 0.5)
        yield Example({"checks": [other, wrong]}, answer, False, 1.0)


CHECK = Check(
    name="any_of",
    summary="At least one of several statements holds.",
    parameters=AnyOf,
    measure=measure,
    examples=examples,
    means="Those of the checks that it is made of.",
)
