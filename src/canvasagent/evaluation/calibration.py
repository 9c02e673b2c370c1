"""Consistency of a judge: repeated, with another order or wording, against another judge, people, and its past scores.

The same runs are judged several times with one thing changed. Verdicts without a score are counted and left out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from canvasagent.errors import InputError
from canvasagent.evaluation.statistics import Estimate, estimate, spearman
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.judges import load_judge
from canvasagent.rewards.judges.base import ASPECTS, Aspect, JudgeSettings, Verdict
from canvasagent.storage.files import write_atomically
from canvasagent.storage.input_files import regular_file

Scores = dict[str, dict[Aspect, float | None]]
"""By run (`key_of`) and aspect."""


class Spread(BaseModel):
    """Spread of the scores when one run is judged repeatedly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aspect: Aspect
    repeats: int
    n: int
    deviation: float | None
    """Mean standard deviation (n − 1) within a run."""
    largest: float | None
    """Largest distance of two scores of one run."""


class Shift(BaseModel):
    """Effect of one change on the scores: changed minus plain, over the runs that have both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    aspect: Aspect
    mean: Estimate | None
    apart: float | None
    """Mean absolute difference."""
    spearman: float | None
    n: int


class Stored(BaseModel):
    """Stored verdicts, to measure whether a judge drifts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: str
    served: list[str]
    """The models named in the server's replies."""
    prompts: list[str]
    """Hashes of the prompts."""
    date: str
    scores: Scores


class Calibration(BaseModel):
    """All measurements of a judge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: str
    runs: int
    unscored: int
    """Verdicts without a score among the plain ones."""
    spread: list[Spread]
    shifts: list[Shift]
    notes: list[str]
    stored: Stored


OnProgress = Callable[[str, int, int], None]


async def calibrate(
    runs: Sequence[Trajectory],
    judge: str,
    settings: JudgeSettings,
    *,
    repeats: int = 3,
    against: str | None = None,
    against_settings: JudgeSettings | None = None,
    people: Mapping[str, Mapping[Aspect, float]] | None = None,
    before: Stored | None = None,
    on_progress: OnProgress = lambda what, done, total: None,
) -> Calibration:
    """Judge `runs` repeatedly. `people`: ratings from 0 to 1 by run and aspect; `before`: verdicts stored earlier.

    Every repetition is a new request, since cached replies would agree with themselves. Raises `InputError` for an
    unknown judge.
    """
    fresh = settings.model_copy(update={"cache": None, "repeats": 1})
    rounds = [await _judge(runs, judge, fresh, f"round {number + 1}", on_progress) for number in range(max(1, repeats))]
    plain = _scores(rounds[0])
    turned = await _judge(runs, judge, fresh.model_copy(update={"result_first": True}), "result first", on_progress)
    with as_file(files("canvasagent.rewards.judges").joinpath("reworded")) as folder:
        worded = await _judge(runs, judge, fresh.model_copy(update={"prompts": folder}), "reworded", on_progress)
    changed: dict[str, Scores] = {"result shown first": _scores(turned), "prompts reworded": _scores(worded)}
    if against is not None:
        other = await _judge(runs, against, against_settings or fresh, against, on_progress)
        changed[f"other judge: {against}"] = _scores(other)
    if people is not None:
        changed["people"] = {run: dict(scores) for run, scores in people.items()}
    if before is not None:
        changed[f"verdicts of {before.date}"] = before.scores
    stored = _store(judge, rounds[0], plain)
    return Calibration(
        judge=judge,
        runs=len(runs),
        unscored=sum(score is None for scores in plain.values() for score in scores.values()),
        spread=[_spread(aspect, [_scores(one) for one in rounds]) for aspect in ASPECTS],
        shifts=[_shift(what, aspect, plain, other) for what, other in changed.items() for aspect in ASPECTS],
        notes=_notes(judge, before, stored),
        stored=stored,
    )


async def _judge(
    runs: Sequence[Trajectory], judge: str, settings: JudgeSettings, what: str, on_progress: OnProgress
) -> dict[str, dict[Aspect, Verdict]]:
    judging, verdicts = load_judge(judge, settings), dict[str, dict[Aspect, Verdict]]()

    async def one(run: Trajectory) -> None:
        verdicts[key_of(run)] = await judging.judge(run)
        on_progress(what, len(verdicts), len(runs))

    await asyncio.gather(*(one(run) for run in runs))
    # In the order of `runs`, not in that of the judge's replies.
    return {key_of(run): verdicts[key_of(run)] for run in runs}


def key_of(run: Trajectory) -> str:
    """A unique key of a run: runs of one task by different policies share their id."""
    return run.id if run.folder is None else f"{run.folder.resolve().parent.name}/{run.folder.resolve().name}"


def _scores(verdicts: Mapping[str, Mapping[Aspect, Verdict]]) -> Scores:
    return {
        run: {aspect: verdict.score for aspect, verdict in by_aspect.items()} for run, by_aspect in verdicts.items()
    }


def _spread(aspect: Aspect, rounds: Sequence[Scores]) -> Spread:
    deviations, largest = [], []
    for run in rounds[0]:
        values = [value for scores in rounds if (value := scores[run].get(aspect)) is not None]
        # Only runs with a score in every round: the largest distance grows with the number of scores.
        if len(values) == len(rounds) >= 2:
            deviations.append(float(np.std(values, ddof=1)))
            largest.append(max(abs(one - other) for one, other in combinations(values, 2)))
    known = bool(deviations)
    return Spread(
        aspect=aspect,
        repeats=len(rounds),
        n=len(deviations),
        deviation=float(np.mean(deviations)) if known else None,
        largest=max(largest) if known else None,
    )


def _shift(what: str, aspect: Aspect, plain: Scores, changed: Scores) -> Shift:
    pairs = [
        (one, other)
        for run, scores in plain.items()
        if (one := scores.get(aspect)) is not None and (other := changed.get(run, {}).get(aspect)) is not None
    ]
    apart = [other - one for one, other in pairs]
    return Shift(
        what=what,
        aspect=aspect,
        mean=estimate(apart, resamples=2000),
        apart=float(np.mean(np.abs(apart))) if apart else None,
        spearman=spearman([one for one, _ in pairs], [other for _, other in pairs]),
        n=len(pairs),
    )


def _store(judge: str, verdicts: Mapping[str, Mapping[Aspect, Verdict]], scores: Scores) -> Stored:
    every = [verdict for by_aspect in verdicts.values() for verdict in by_aspect.values()]
    return Stored(
        judge=judge,
        served=sorted({verdict.served or verdict.model for verdict in every}),
        prompts=sorted({verdict.prompt_hash for verdict in every if verdict.prompt_hash}),
        date=datetime.now(UTC).date().isoformat(),
        scores=scores,
    )


def _notes(judge: str, before: Stored | None, now: Stored) -> list[str]:
    notes = []
    if judge in ("local", "local-2"):
        notes.append("The local judge is made of rules: order and wording of prompts do not reach it.")
    if before is None:
        return notes
    if before.judge != now.judge:
        notes.append(f"The stored verdicts are of another judge, {before.judge}: that is no drift.")
    if before.served != now.served:
        notes.append(f"The server answered as {', '.join(now.served)}; it was {', '.join(before.served)}.")
    if before.prompts != now.prompts:
        notes.append("The prompts have changed since the verdicts were stored.")
    return notes


def read_stored(path: Path) -> Stored:
    """Verdicts that `save_stored` wrote. Raises `InputError`."""
    try:
        return Stored.model_validate_json(regular_file(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"'{path}' holds no stored verdicts; write them with --out.") from error


def check_store(path: Path) -> None:
    """Raise `InputError` if `path` is a file of something else than verdicts."""
    if not path.exists():
        return
    try:
        read_stored(path)
    except InputError as error:
        raise InputError(f"'{path}' is there already and holds no stored verdicts; name another file.") from error


def save_stored(path: Path, stored: Stored) -> None:
    """Store verdicts, to compare later ones with. Raises `InputError` where `path` is a file of something else."""
    check_store(path)
    write_atomically(path, (stored.model_dump_json(indent=1) + "\n").encode("utf-8"))


def as_markdown(calibration: Calibration) -> str:
    """The tables as Markdown."""
    lines = [
        f"# Judge {calibration.judge}",
        "",
        f"{calibration.runs} runs, {calibration.unscored} verdicts without a score.",
        "",
    ]
    lines += ["| aspect | rounds | n | deviation within a run | largest distance |", "| --- " * 5 + "|"]
    for one in calibration.spread:
        lines.append(f"| {one.aspect} | {one.repeats} | {one.n} | {_number(one.deviation)} | {_number(one.largest)} |")
    lines += ["", "| changed | aspect | n | mean shift | mean distance | Spearman |", "| --- " * 6 + "|"]
    for shift in calibration.shifts:
        mean = "–" if shift.mean is None else f"{shift.mean.mean:+.3f} [{shift.mean.low:+.3f}, {shift.mean.high:+.3f}]"
        cells = [shift.what, shift.aspect, str(shift.n), mean, _number(shift.apart), _number(shift.spearman)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"- {note}" for note in calibration.notes)]) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
