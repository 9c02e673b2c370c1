"""`canvasagent replay`: repeat a recorded run and list the differences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import (
    DRIFTED,
    Ending,
    find_run,
    json_option,
    out,
    run_argument,
    runs_dir_option,
    trust_option,
    verbose_option,
)
from canvasagent.cli.completion import profiles
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.run_list import RUNS_DIR

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.record.replay import ReplayReport


def replay(
    run: Annotated[str, run_argument()],
    profile: Annotated[
        str | None,
        typer.Option(
            help="A profile or a .toml file; the recorded one if left out.", metavar="NAME", autocompletion=profiles
        ),
    ] = None,
    trust_record: Annotated[bool, trust_option()] = False,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Repeat a recorded run.

    Exit code 0: the same to the pixel; 3: something differs.
    """
    from canvasagent.errors import InputError, StorageError
    from canvasagent.record.replay import replay as replay_run

    try:
        report = replay_run(find_run(run, runs_dir), profile, trust_record=trust_record)
    except StorageError as error:
        raise InputError(str(error)) from error
    if not json:
        _print(out(), report)
    status = {"status": "met" if report.identical else "unmet", "identical": report.identical}
    return Ending(0 if report.identical else DRIFTED, {**status, **report.model_dump(mode="json")})


def _print(console: Console, report: ReplayReport) -> None:
    from rich.text import Text

    from canvasagent.cli.terminal import harmless

    for drift in report.drifts:
        console.print(Text(harmless(drift), "yellow"))
    for note in (*report.notes, *report.changed_backends):
        console.print(Text(harmless(note), "dim"))
    console.print("Identical to the pixel." if report.identical else "Something differs.")


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("replay", help=page_text(summary, replay))(replay)
