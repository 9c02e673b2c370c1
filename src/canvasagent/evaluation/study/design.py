"""Which results are rated, by whom and in which order: blinded, randomised, balanced, with attention checks."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.errors import InputError
from canvasagent.evaluation.rows import Row

QUESTIONS: dict[str, str] = {
    "task_alignment": "Task Alignment: does the result do what the request asks for?",
    "key_details": "Key Details Alignment: are the details right that the request names (words, colours, places)?",
    "aesthetic": "Aesthetic Quality: how good does the result look, whatever was asked for?",
}  # fmt: skip
"""The questions of the paper's Table 6, each answered from 1 (worst) to 5 (best)."""
LOWEST, HIGHEST = 1, 5
ATTENTION = 2
"""Attention checks per rater: results of another task, which do not fit the request."""
ATTENTIVE = 2
"""Highest rating of an attention check's task alignment by an attentive rater."""


class StudyItem(BaseModel):
    """A result to rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    """The anonymous id that raters see."""
    task: str
    """The task whose request is shown."""
    policy: str
    run: str
    """Folder of the run whose result is shown."""
    request_of: str
    """Folder of the run whose request and inputs are shown; another one's for attention checks."""
    attention: bool = False
    scores: dict[str, float | None] = Field(default_factory=dict)
    """Scores of the evaluation's judge: overall, alignment, aesthetic."""
    judge: str | None = None


class Study(BaseModel):
    """The key of a study: never given to raters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = 1
    seed: int
    policies: list[str]
    tasks: list[str]
    items: list[StudyItem]
    raters: dict[str, list[str]]
    """The codes for each rater, in the order shown."""

    def item(self, code: str) -> StudyItem:
        """The item with a code. Raises KeyError."""
        return next(item for item in self.items if item.code == code)


def design(
    rows: Sequence[Row], folders: dict[str, Path], samples: int, raters: int, seed: int, per_task: int | None = None
) -> Study:
    """A study of `samples` tasks that every policy has a result for.

    `folders`: run folder of each row by its `folder`; a row without one is left out. `per_task`: results of one
    task that a rater sees (all policies' where None); which ones, a Latin square decides, so that each result is rated
    equally often.
    Raises `InputError` if there are fewer tasks.
    """
    policies = sorted({row.policy for row in rows})
    by_task: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.folder in folders:
            by_task.setdefault(row.task, {})[row.policy] = row
    shared = sorted(task for task, rows in by_task.items() if len(rows) == len(policies))
    if len(shared) < max(samples, 2):
        raise InputError(
            f"only {len(shared)} tasks have a run of every policy ({', '.join(policies)}); {samples} samples were "
            "asked for, and at least 2 are needed."
        )
    chance = random.Random(f"study/{seed}")
    tasks = sorted(chance.sample(shared, samples))
    items = [_item(by_task[task][policy], folders, seed) for task in tasks for policy in policies]
    checks = _attention(by_task, tasks, policies, folders, seed)
    orders = {
        f"rater-{number + 1}": _order(number, items, checks, tasks, policies, per_task or len(policies), seed)
        for number in range(raters)
    }
    return Study(seed=seed, policies=policies, tasks=tasks, items=[*items, *checks], raters=orders)


def _item(row: Row, folders: dict[str, Path], seed: int) -> StudyItem:
    folder = str(folders[row.folder])
    scores = {"overall": row.overall, "alignment": row.alignment, "aesthetic": row.aesthetic}
    judge = next(iter(row.judges.values()), None)
    code = _code(f"{seed}/{row.policy}/{row.task}")
    return StudyItem(
        code=code, task=row.task, policy=row.policy, run=folder, request_of=folder, scores=scores, judge=judge
    )


def _attention(
    by_task: dict[str, dict[str, Row]],
    tasks: Sequence[str],
    policies: Sequence[str],
    folders: dict[str, Path],
    seed: int,
) -> list[StudyItem]:
    """Requests shown with the result of another task."""
    chance = random.Random(f"attention/{seed}")
    items = []
    for number in range(min(ATTENTION, len(tasks))):
        request_task, shown = chance.sample(list(tasks), 2)
        policy = chance.choice(list(policies))
        items.append(
            StudyItem(
                code=_code(f"{seed}/attention/{number}"),
                task=request_task,
                policy=policy,
                run=str(folders[by_task[shown][policy].folder]),
                request_of=str(folders[by_task[request_task][policy].folder]),
                attention=True,
            )
        )
    return items


def _order(
    number: int,
    items: Sequence[StudyItem],
    checks: Sequence[StudyItem],
    tasks: Sequence[str],
    policies: Sequence[str],
    per_task: int,
    seed: int,
) -> list[str]:
    by = {(item.task, item.policy): item.code for item in items}
    codes = [
        by[task, policies[(place + number + step) % len(policies)]]
        for place, task in enumerate(tasks)
        for step in range(min(per_task, len(policies)))
    ]
    chance = random.Random(f"order/{seed}/{number}")
    chance.shuffle(codes)
    for check in checks:
        codes.insert(chance.randint(1, len(codes)), check.code)
    return codes


def _code(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
