"""Ratings of a study: read, checked and merged. Gaps stay gaps, contradictions are errors."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from canvasagent.errors import InputError, refusal
from canvasagent.evaluation.study.design import ATTENTIVE, HIGHEST, LOWEST, QUESTIONS, Study
from canvasagent.storage.files import write_atomically
from canvasagent.storage.foreign_json import excerpt
from canvasagent.storage.input_files import regular_file

RATINGS_NAME = "ratings.csv"
COLUMNS = ("rater", "item", *QUESTIONS)


@dataclass
class Ratings:
    """All ratings by rater, item and question; gaps are absent."""

    values: dict[tuple[str, str, str], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What is missing."""

    @property
    def raters(self) -> list[str]:
        """Raters with at least one rating."""
        return sorted({rater for rater, _, _ in self.values})


def read_ratings(study: Study, files: Sequence[Path]) -> Ratings:
    """The ratings in CSV files as the pages write them.

    Raises `InputError` that lists every bad line: unknown raters or items, values that are no whole number from 1
    to 5, and two different ratings of one item by one rater.
    """
    ratings, wrong = Ratings(), list[str]()
    for file in files:
        _read(study, file, ratings, wrong)
    if wrong:
        raise refusal("the ratings cannot be used", wrong)
    for rater in ratings.raters:
        holes = sum((rater, code, name) not in ratings.values for code in study.raters[rater] for name in QUESTIONS)
        if holes:
            ratings.notes.append(f"{rater}: {holes} ratings are missing and stay missing.")
    return ratings


def _read(study: Study, file: Path, ratings: Ratings, wrong: list[str]) -> None:
    try:
        lines = list(csv.DictReader(regular_file(file).read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"'{file}' cannot be read as CSV: {error}.") from error
    if not lines:
        raise InputError(f"'{file}' has no ratings in it.")
    if missing := [name for name in COLUMNS if name not in lines[0]]:
        raise InputError(f"'{file}' lacks the columns {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
    for number, line in enumerate(lines, 2):
        rater, code = (str(line.get(name) or "").strip() for name in ("rater", "item"))
        if code not in study.raters.get(rater, ()):
            known = "was not shown to" if rater in study.raters else "is rated by the unknown rater"
            wrong.append(f"{file.name}, line {number}: item '{excerpt(code)}' {known} '{excerpt(rater)}'.")
            continue
        for name in QUESTIONS:
            text = str(line.get(name) or "").strip()
            if not text:
                continue
            if text not in {str(value) for value in range(LOWEST, HIGHEST + 1)}:
                wrong.append(f"{file.name}, line {number}: {name} is '{excerpt(text)}', not {LOWEST} to {HIGHEST}.")
                continue
            known_value = ratings.values.setdefault((rater, code, name), int(text))
            if known_value != int(text):
                wrong.append(
                    f"{file.name}, line {number}: {rater} rated {name} of item '{code}' {known_value} and {text}."
                )


def save_ratings(folder: Path, ratings: Ratings) -> Path:
    """Write all ratings into the study's folder, one line a rater and item."""
    pairs = sorted({(rater, code) for rater, code, _ in ratings.values})
    lines = [",".join(COLUMNS)]
    for rater, code in pairs:
        cells = [str(ratings.values.get((rater, code, name), "")) for name in QUESTIONS]
        lines.append(",".join([rater, code, *cells]))
    path = folder / RATINGS_NAME
    write_atomically(path, ("\n".join(lines) + "\n").encode("utf-8"))
    return path


def inattentive(study: Study, ratings: Ratings) -> list[str]:
    """Raters who failed an attention check: they rated a result of another task as aligned."""
    checks = [item.code for item in study.items if item.attention]
    return [
        rater
        for rater in ratings.raters
        if any(ratings.values.get((rater, code, "task_alignment"), 0) > ATTENTIVE for code in checks)
    ]
