"""`canvasagent show`: a run as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import (
    Ending,
    err,
    json_option,
    load_run,
    out,
    report_path,
    run_argument,
    runs_dir_option,
    summary_of,
    verbose_option,
)
from canvasagent.cli.run_list import RUNS_DIR

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.record.trajectory import Trajectory


def show(
    run: Annotated[str, run_argument()],
    open_: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option("Print the run's summary as one JSON object.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Show a run."""
    record = load_run(run, runs_dir)
    if not json:
        _print(out(), record)
    if open_:
        _open(report_path(record))
    return Ending(payload=summary_of(record))


def _print(console: Console, record: Trajectory) -> None:
    """The whole run: request, turns with all their findings, result, answer, report."""
    from rich.text import Text

    from canvasagent.cli.terminal import harmless
    from canvasagent.cli.words import asset_words, print_turn, status_words

    console.print(Text(harmless(record.instruction), "bold"))
    head = f"{record.id} · {record.created} · policy {record.policy} · profile {record.profile} · seed {record.seed}"
    console.print(Text(harmless(head), "dim"))
    if record.continues:
        console.print(Text(f"continues {record.continues}, result {record.continued_result}", "dim"))
    for asset in record.assets:
        if asset.origin != "tool":
            console.print(Text(f"{asset_words(asset)} ({asset.origin})", "dim"))
    for note in record.notes:
        console.print(Text(f"Note: {harmless(note)}", "yellow"))
    console.print()
    for turn in record.turns:
        print_turn(console, turn, record, findings=None)
    console.print()
    console.print(status_words(record))
    if record.answer is not None:
        console.print(Text(f"Answer: {harmless(record.answer.text)}"))
    summary = summary_of(record)
    if summary["final"]:
        console.print(Text(f"Result: {record.final}, {summary['final']}"))
    report = report_path(record)
    if report is not None:
        console.print(Text(f"Report: {report}"))


def _open(report: Path | None) -> None:
    import webbrowser

    if report is None or not webbrowser.open(report.resolve().as_uri()):
        err().print("No browser could be opened here.", style="yellow")


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("show", help=summary)(show)
