"""`canvasagent judge check`: consistency of a judge, and its agreement with others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import Ending, err, json_option, load_run, out, runs_dir_option, verbose_option
from canvasagent.cli.completion import judges, run_names
from canvasagent.cli.judging import judge_options, judge_settings
from canvasagent.cli.options import with_options
from canvasagent.cli.run_list import LAST, RUNS_DIR

if TYPE_CHECKING:
    from canvasagent.rewards.judges.base import Aspect


def check(
    runs: Annotated[
        list[str],
        typer.Argument(
            help=f"Runs' folders, or their ids; `{LAST}`: the newest; or folders that `canvasagent eval` wrote.",
            metavar="RUN",
            autocompletion=run_names,
            show_default=False,
        ),
    ],
    judge: Annotated[
        str, typer.Option(help="The judge to check: local, endpoint:MODEL.", metavar="NAME", autocompletion=judges)
    ] = "local",
    rounds: Annotated[int, typer.Option(min=1, help="Repeated judgements of each run.")] = 3,
    against: Annotated[
        str | None,
        typer.Option(help="Another judge to compare with.", metavar="NAME", autocompletion=judges, show_default=False),
    ] = None,
    study_dir: Annotated[
        Path | None,
        typer.Option("--study", help="A study's folder, to compare with people.", metavar="DIR", show_default=False),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option(help="Verdicts written earlier with --out, to measure drift.", metavar="FILE", show_default=False),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the verdicts to a file.", metavar="FILE", show_default=False),
    ] = None,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Judge runs repeatedly, with changed order and wording; compare with another judge, people, earlier verdicts."""
    from canvasagent.concurrency.run_sync import run_sync
    from canvasagent.evaluation.calibration import as_markdown, calibrate, check_store, read_stored, save_stored

    settings = judge_settings(options)
    if to is not None:
        check_store(to)  # before anything is judged and paid for
    loaded = [load_run(name, runs_dir) for pattern in runs for name in _folders(pattern)]
    calibration = run_sync(
        calibrate(
            loaded,
            judge,
            settings,
            repeats=rounds,
            against=against,
            people=_people(study_dir) if study_dir is not None else None,
            before=read_stored(earlier) if earlier is not None else None,
            on_progress=_report_progress,
        )
    )
    if to is not None:
        save_stored(to, calibration.stored)
    if not json:
        out().print(as_markdown(calibration), markup=False)
    return Ending(0, {"status": "met", **calibration.model_dump()})


def _folders(name: str) -> list[str]:
    """The runs of a name: itself, or all runs of an evaluation's folder."""
    from canvasagent.evaluation.runner import SETUP_NAME, read_rows, read_setup

    folder = Path(name)
    if not (folder / SETUP_NAME).is_file():
        return [name]
    read_setup(folder)  # raises where the file is of something else
    return [str(folder / row.folder) for row in read_rows(folder)]


def _people(study_dir: Path) -> dict[str, dict[Aspect, float]]:
    """People's ratings from 0 to 1, by run as `calibration.key_of` names it."""
    from canvasagent.evaluation.study.design import HIGHEST, LOWEST
    from canvasagent.evaluation.study.package import read_key
    from canvasagent.evaluation.study.ratings import RATINGS_NAME, inattentive, read_ratings

    study = read_key(study_dir)
    ratings = read_ratings(study, [study_dir / RATINGS_NAME])
    raters = [rater for rater in ratings.raters if rater not in inattentive(study, ratings)]
    questions: dict[Aspect, str] = {"align": "task_alignment", "aesthetics": "aesthetic"}
    means: dict[str, dict[Aspect, float]] = {}
    for item in (item for item in study.items if not item.attention):
        for aspect, question in questions.items():
            values = [
                ratings.values[key] for rater in raters if (key := (rater, item.code, question)) in ratings.values
            ]
            if values:
                mean = (sum(values) / len(values) - LOWEST) / (HIGHEST - LOWEST)
                means.setdefault("/".join(Path(item.run).parts[-2:]), {})[aspect] = mean
    return means


def _report_progress(what: str, done: int, total: int) -> None:
    if done == total:
        err().print(f"{what}: {total} runs judged", markup=False, style="dim")


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("check")(with_options(check, judge_options(skip=("repeats", "result_first"))))
    app.add_typer(group, name="judge", help=summary)


def _group() -> None:
    """Check a judge."""
