"""The pages of a study: one self-contained HTML file a rater, which stores the ratings and saves them as CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.study.design import HIGHEST, LOWEST, QUESTIONS, Study, StudyItem
from canvasagent.pages import render, write_page
from canvasagent.record.report.thumbnails import thumbnail
from canvasagent.record.trajectory import Trajectory
from canvasagent.storage.files import write_atomically
from canvasagent.storage.folders import NEW_FOLDER, refuse_strangers
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import path_below

KEY_NAME = "key.json"
SIDE = 448
"""Longest side of the pictures, in pixels."""
_TEMPLATE = Path(__file__).with_name("study.html")


def write_package(study: Study, folder: Path, on_rater: Callable[[str], None] = lambda rater: None) -> list[Path]:
    """Write a page for each rater and the key. Returns the pages' paths.

    Raises `InputError` for an unreadable run or a folder that is not empty.
    """
    refuse_used(folder)
    shown = {item.code: _shown(item) for item in study.items}
    pages = []
    for rater, codes in study.raters.items():
        path = path_below(folder, f"{rater}.html", what="rater")
        write_page(path, _page(study, rater, [shown[code] for code in codes]))
        pages.append(path)
        on_rater(rater)
    write_atomically(folder / KEY_NAME, (study.model_dump_json(indent=1) + "\n").encode("utf-8"))
    return pages


def readable_runs(rows: Iterable[Row]) -> tuple[dict[str, Path], list[str]]:
    """The run folder of each row by its `folder`, and why the other rows have no run that can be shown."""
    folders: dict[str, Path] = {}
    problems: list[str] = []
    for row in rows:
        try:
            Trajectory.load(Path(row.folder))
            folders[row.folder] = Path(row.folder)
        except CanvasAgentError as error:
            problems.append(f"{row.policy}, task {row.task}: {error}")
    return folders, problems


def refuse_used(folder: Path) -> None:
    """Raise `InputError` where `folder` holds a study, or something else."""
    refuse_strangers(folder, NEW_FOLDER)


def read_key(folder: Path) -> Study:
    """The key of a study. Raises `InputError` where there is none or it is damaged."""
    try:
        return Study.model_validate_json(regular_file(folder / KEY_NAME).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"'{folder}' holds no study: there is no {KEY_NAME} in it.") from error
    except ValueError as error:
        raise InputError(f"'{folder / KEY_NAME}' is damaged: {error}.") from error


def _shown(item: StudyItem) -> dict[str, Any]:
    try:
        run, requested = Trajectory.load(Path(item.run)), Trajectory.load(Path(item.request_of))
    except CanvasAgentError as error:
        raise InputError(f"the run of task '{item.task}' cannot be shown: {error}") from error
    return {
        "code": item.code,
        "request": requested.instruction,
        "inputs": [thumbnail(requested, f"img_{number}", SIDE) for number in range(1, requested.inputs + 1)],
        "result": thumbnail(run, run.final, SIDE) if run.final is not None else None,
        "answer": run.answer.text if run.answer is not None else None,
    }


def _page(study: Study, rater: str, items: list[dict[str, Any]]) -> str:
    identity = hashlib.sha256(f"{study.seed}/{sorted(item.code for item in study.items)}".encode()).hexdigest()[:12]
    scale = range(LOWEST, HIGHEST + 1)
    return render(_TEMPLATE, rater=rater, study=identity, items=items, questions=QUESTIONS, scale=scale)
