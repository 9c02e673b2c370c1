"""`canvasagent reward audit`: rewards of degenerate trajectories compared with honest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import DRIFTED, Ending, json_option, out, verbose_option
from canvasagent.cli.completion import presets

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.rewards.audit import Audit


def audit(
    preset: Annotated[
        list[str] | None,
        typer.Option(
            help="Preset to show, once for each; paper, release and hardened if left out.",
            metavar="NAME",
            autocompletion=presets,
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Compare the rewards of degenerate trajectories with honest ones, by the local judge.

    Exit code 0: no degenerate one scores higher under `hardened`; 3: one does.
    """
    from canvasagent.concurrency.run_sync import run_sync
    from canvasagent.rewards.audit import JUDGED, SHOWN, as_markdown
    from canvasagent.rewards.audit import audit as run_audit

    report = run_sync(run_audit(preset or SHOWN))
    shown = [name for name in report.presets if name != JUDGED or JUDGED in (preset or SHOWN)]
    if markdown and not json:
        out().print(as_markdown(report, shown), markup=False)
    elif not json:
        _print(out(), report, shown)
    beaten = {name: report.beaten_by(name) for name in report.presets}
    payload = {"status": "met" if report.holds else "unmet", "beaten_by": beaten, **report.model_dump(mode="json")}
    return Ending(0 if report.holds else DRIFTED, payload)


def _print(console: Console, report: Audit, shown: list[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("run", "what it does", *shown, "beside")
    beaten = {name: set(report.beaten_by(name)) for name in report.presets}
    for row in report.rows:
        totals = [
            Text(f"{row.total(name):.3f}", "bold red" if row.name in beaten[name] else "")
            + Text("!" if row.name in beaten[name] else "", "bold red")
            for name in shown
        ]
        table.add_row(row.name, row.how, *totals, row.beside if row.cheat else "", style="" if row.cheat else "bold")
    console.print(
        Text(f"{report.task} Profile {report.profile}, judge {report.judge} (a stand-in), {report.date}.", "dim")
    )
    console.print(table, soft_wrap=False)
    for name in report.presets:
        names = ", ".join(sorted(beaten[name])) or "none"
        console.print(Text(f"{name}: beaten by {names}", "yellow" if beaten[name] else "green"))


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("audit")(audit)
    app.add_typer(group, name="reward", help=summary)


def _group() -> None:
    """Audit the reward."""
