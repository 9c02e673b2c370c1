"""`canvasagent craft audit`: the checks of a finished dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import DRIFTED, Ending, json_option, out, resumable, trust_option, verbose_option
from canvasagent.cli.completion import profiles
from canvasagent.cli.progress import Bar

if TYPE_CHECKING:
    from canvasagent.craft.audit.gather import Audit


def audit(
    dataset: Annotated[Path, typer.Argument(help="Folder of the dataset.", metavar="DATASET")],
    profile: Annotated[
        str | None,
        typer.Option(
            help="Repeat trajectories with this profile (`release` for released ones); each with its own if left out.",
            metavar="NAME",
            autocompletion=profiles,
        ),
    ] = None,
    trust_record: Annotated[bool, trust_option()] = False,
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Number of trajectories to repeat, spread evenly; all if left out.", metavar="N"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.", metavar="N")] = 1,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the page; DATASET/audit if left out.", metavar="DIR")
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Check every record, repeat trajectories, find duplicates and leaks between splits; write a report.

    An interrupted audit resumes. Exit code 0: no problem found; 3: problems found.
    """
    from canvasagent.craft.audit import FOLDER, PAGE
    from canvasagent.craft.audit import audit as run_audit

    with Bar("records looked at") as bar:
        report = run_audit(
            dataset,
            profile=profile,
            trust_record=trust_record,
            sample=sample,
            workers=workers,
            out=to,
            on_progress=bar.show,
        )
    page = (to or dataset / FOLDER) / PAGE
    if not json:
        _print(report)
        out().print(f"Page: {page}", markup=False)
    payload = {"status": "met" if report.clean else "unmet", "page": str(page), **report.model_dump(mode="json")}
    return Ending(0 if report.clean else DRIFTED, payload)


def _print(report: Audit) -> None:
    from canvasagent.craft.audit.looks import TROUBLES

    what = "trajectories" if report.kind == "sft" else "tasks"
    out().print(f"{report.records:,} {what}{'' if report.complete else ', not finished'}", markup=False)
    if report.kind == "sft":
        used = f"profile {report.profile}" if report.profile else "each with its own tools"
        out().print(f"{report.again:,} run again ({used}), {report.again_same:,} the same to the pixel", markup=False)
    for trouble, meaning in TROUBLES.items():
        count = report.counts[trouble]
        out().print(f"{trouble:10} {count:>7,}  {meaning}", style="red" if count else "dim", markup=False)
        for example in report.examples[trouble][:3]:
            out().print(f"{'':19} {example.where}: {example.words}", markup=False)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("audit")(resumable(audit))
