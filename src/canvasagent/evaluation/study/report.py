"""The figures of a study: means with intervals, agreement of raters, agreement of the judge with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from canvasagent.evaluation.statistics import Estimate, estimate, kendall, krippendorff_alpha, spearman
from canvasagent.evaluation.study.design import QUESTIONS, Study
from canvasagent.evaluation.study.ratings import Ratings, inattentive

AGAINST = {"task_alignment": "alignment", "key_details": "alignment", "aesthetic": "aesthetic"}
"""The judge's score that a question is compared with."""


class JudgeAgreement(BaseModel):
    """Agreement of a judge's scores with people's ratings of the same results."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str
    score: str
    judge: str
    n: int
    spearman: float | None
    kendall: float | None
    pairs: Estimate | None
    """Share of pairs of results that both order the same way, without ties; 0.5 is chance."""


class StudyReport(BaseModel):
    """A study's figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    means: dict[str, dict[str, Estimate | None]]
    """By policy and question: over results, each with the mean of its raters."""
    alpha: dict[str, float | None]
    """Krippendorff's alpha (ordinal) by question."""
    raters: int
    left_out: list[str]
    """Raters who failed an attention check."""
    judge: list[JudgeAgreement]
    notes: list[str]


def report(study: Study, ratings: Ratings, keep_inattentive: bool = False) -> StudyReport:
    """The figures; raters who failed an attention check are left out unless `keep_inattentive`."""
    failed = [] if keep_inattentive else inattentive(study, ratings)
    raters = [rater for rater in ratings.raters if rater not in failed]
    items = [item for item in study.items if not item.attention]
    rated = {
        (item.code, name): _mean(ratings.values.get((rater, item.code, name)) for rater in raters)
        for item in items
        for name in QUESTIONS
    }
    means = {
        policy: {
            name: estimate([rated[item.code, name] for item in items if item.policy == policy]) for name in QUESTIONS
        }
        for policy in study.policies
    }
    alpha = {
        name: krippendorff_alpha(
            [[ratings.values.get((rater, item.code, name)) for item in items] for rater in raters] or [[None]]
        )
        for name in QUESTIONS
    }
    judges = sorted({item.judge for item in items if item.judge is not None})
    agreement = [
        _agreement(
            name,
            judge,
            [(item.scores.get(AGAINST[name]), rated[item.code, name]) for item in items if item.judge == judge],
        )
        for judge in judges
        for name in QUESTIONS
    ]
    return StudyReport(
        means=means, alpha=alpha, raters=len(raters), left_out=failed, judge=agreement, notes=ratings.notes
    )


def _agreement(question: str, judge: str, pairs: list[tuple[float | None, float | None]]) -> JudgeAgreement:
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    scores, people = [one for one, _ in known], [other for _, other in known]
    alike = [
        float((scores[a] - scores[b]) * (people[a] - people[b]) > 0)
        for a, b in combinations(range(len(known)), 2)
        if scores[a] != scores[b] and people[a] != people[b]
    ]
    return JudgeAgreement(
        question=question,
        score=AGAINST[question],
        judge=judge,
        n=len(known),
        spearman=spearman(scores, people),
        kendall=kendall(scores, people),
        pairs=estimate(alike, resamples=2000),
    )


def verdict(agreement: JudgeAgreement) -> str:
    """How far the judge may be trusted, in words, from the rank correlation and its n."""
    if agreement.spearman is None or agreement.n < 10:
        return f"cannot be said: {agreement.n} results are rated by both, and at least 10 that differ are needed"
    strength = abs(agreement.spearman)
    if agreement.spearman <= 0.2:
        return "not to be trusted: it does not order results as people do"
    if strength < 0.5:
        return "for large differences over many tasks only"
    return "for comparing policies, not single results" if strength < 0.8 else "about as people do"


def _mean(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def as_markdown(report: StudyReport) -> str:
    """Table 6 with agreement and the judge's trustworthiness."""
    lines = ["# Human study", "", f"{report.raters} raters; ratings from 1 to 5."]
    if report.left_out:
        lines.append(f"Left out for a failed attention check: {', '.join(report.left_out)}.")
    lines += [
        "",
        "| policy | " + " | ".join(text.partition(":")[0] for text in QUESTIONS.values()) + " |",
        "| --- " * 4 + "|",
    ]
    for policy, means in report.means.items():
        lines.append(f"| {policy} | " + " | ".join(_figure(means[name]) for name in QUESTIONS) + " |")
    lines += ["| Krippendorff's alpha | " + " | ".join(_number(report.alpha[name]) for name in QUESTIONS) + " |", ""]
    lines.append("Means over results, each the mean of its raters, with 95 % bootstrap intervals; alpha is ordinal.")
    if report.judge:
        lines += [
            "",
            "## The judge against people",
            "",
            "| judge | question | score | n | Spearman | Kendall | pairs ordered alike | may be trusted |",
            "| --- " * 8 + "|",
        ]
        for one in report.judge:
            cells = [
                one.judge,
                QUESTIONS[one.question].partition(":")[0],
                one.score,
                str(one.n),
                _number(one.spearman),
                _number(one.kendall),
                _figure(one.pairs),
                verdict(one),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {note}" for note in report.notes)] if report.notes else []
    return "\n".join(lines) + "\n"


def _figure(estimate: Estimate | None) -> str:
    return (
        "–" if estimate is None else f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}] (n {estimate.n})"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
