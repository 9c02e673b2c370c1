"""All of several statements hold."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from canvasagent.rewards.checks._composed import Statement
from canvasagent.rewards.checks._registry import hold
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result


class AllOf(Parameters):
    """What `all_of` takes."""

    checks: tuple[Statement, ...] = Field(min_length=1)
    """The statements, each as in a task."""


def measure(parameters: AllOf, result: Result) -> Finding:
    """The lowest score of them; the statements that fail are named. It is not known where none fails and one is not."""
    findings = [hold(data, result) for data in parameters.checks]
    failed = [item for item in findings if item.finding.measured and not item.finding.passed]
    unknown = next((item.finding for item in findings if not item.finding.measured), None)
    if unknown and not failed:
        return unknown
    why = "; ".join(f"{item.check}: {item.finding.why}" for item in failed) or f"all {len(findings)} hold"
    return Finding(min(item.finding.score for item in findings if item.finding.measured), not failed, why)


def examples(seed: int) -> Iterable[Example]:
    """Statements on an answer, all right or one or all of them wrong."""
    for number in range(3 + seed % 3, 9 + seed % 3):
        answer = Result(None, (), f"There are {number} red cars.")
        one, other = (
            {"check": "answer_contains", "words": [str(number)]},
            {"check": "answer_contains", "words": ["red"]},
        )
        wrong = {"check": "answer_contains", "words": [str(number + 1)]}
        yield Example({"checks": [one, other]}, answer, True)
        yield Example({"checks": [one, wrong]}, answer, False, 0.5)
        yield Example({"checks": [wrong, wrong] if number % 2 else [wrong]}, answer, False, 1.0)


CHECK = Check(
    name="all_of",
    summary="All of several statements hold.",
    parameters=AllOf,
    measure=measure,
    examples=examples,
    means="Those of the checks that it is made of.",
)
