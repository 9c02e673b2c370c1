"""`canvasagent study`: ratings of results by people, and the judge's agreement with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, err, json_option, out, verbose_option


def build(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that `canvasagent eval` wrote.", metavar="DIR", show_default=False)
    ],
    sample: Annotated[int, typer.Option(min=2, help="Tasks whose results are rated.")] = 12,
    raters: Annotated[int, typer.Option(min=1, help="Number of raters.")] = 5,
    per_task: Annotated[
        int | None, typer.Option(min=1, help="Results of one task per rater; those of all policies if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sampling and of the orders.")] = 0,
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for pages and key.", metavar="DIR")] = Path(
        "study"
    ),
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Write a blinded page for each rater, and the key, which raters must not get."""
    from canvasagent.evaluation.joining import join
    from canvasagent.evaluation.study.design import design
    from canvasagent.evaluation.study.package import KEY_NAME, readable_runs, refuse_used, write_package

    refuse_used(out_dir)  # before the runs are read, which takes long
    joined = join(folders, allow=True)
    runs, problems = readable_runs(joined.rows)
    for problem in problems:
        err().print(f"Left aside: {problem}", markup=False, style="yellow")
    study = design(joined.rows, runs, sample, raters, seed, per_task)
    pages = write_package(study, out_dir, lambda rater: err().print(f"{rater} written", markup=False, style="dim"))
    if not json:
        for page in pages:
            out().print(str(page), markup=False)
        out().print(f"Keep {out_dir / KEY_NAME} to yourself: it says whose result is whose.", markup=False)
    counts = {"items": len(study.items), "raters": len(study.raters), "unreadable": len(problems)}
    return Ending(0, {"status": "met", "folder": str(out_dir), "pages": [str(page) for page in pages], **counts})


def import_ratings(
    files: Annotated[
        list[Path], typer.Argument(help="CSV files that raters sent back.", metavar="FILE", show_default=False)
    ],
    study_dir: Annotated[Path, typer.Option("--study", help="The study's folder.", metavar="DIR")] = Path("study"),
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Check ratings and add them to the study's folder."""
    from canvasagent.evaluation.study.package import read_key
    from canvasagent.evaluation.study.ratings import RATINGS_NAME, read_ratings, save_ratings

    known = study_dir / RATINGS_NAME
    ratings = read_ratings(read_key(study_dir), [*([known] if known.is_file() else []), *files])
    path = save_ratings(study_dir, ratings)
    if not json:
        out().print(f"{len(ratings.values)} ratings of {len(ratings.raters)} raters in {path}", markup=False)
        for note in ratings.notes:
            err().print(note, markup=False, style="dim")
    return Ending(
        0, {"status": "met", "ratings": len(ratings.values), "raters": ratings.raters, "notes": ratings.notes}
    )


def show_report(
    study_dir: Annotated[Path, typer.Option("--study", help="The study's folder.", metavar="DIR")] = Path("study"),
    keep_inattentive: Annotated[
        bool, typer.Option("--keep-inattentive", help="Include raters who failed an attention check.")
    ] = False,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Print and write (`report.md`) means, agreement between raters, and the judge's agreement with them."""
    from canvasagent.errors import InputError
    from canvasagent.evaluation.study.package import read_key
    from canvasagent.evaluation.study.ratings import RATINGS_NAME, read_ratings
    from canvasagent.evaluation.study.report import as_markdown, report
    from canvasagent.storage.files import write_atomically

    if not (study_dir / RATINGS_NAME).is_file():
        raise InputError(f"'{study_dir}' has no ratings yet; add them with canvasagent study import.")
    study = read_key(study_dir)
    agreement = report(study, read_ratings(study, [study_dir / RATINGS_NAME]), keep_inattentive)
    text = as_markdown(agreement)
    write_atomically(study_dir / "report.md", text.encode("utf-8"))
    if not json:
        out().print(text, markup=False)
    return Ending(0, {"status": "met", **agreement.model_dump()})


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("build")(build)
    group.command("import")(import_ratings)
    group.command("report")(show_report)
    app.add_typer(group, name="study", help=summary)


def _group() -> None:
    """Let people rate results: build pages, import ratings, report."""
