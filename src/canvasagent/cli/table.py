"""`canvasagent table`: the results of several evaluations in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option
from canvasagent.cli.help_pages import page_text


def table(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that `canvasagent eval` wrote.", metavar="DIR", show_default=False)
    ],
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX instead of Markdown.")] = False,
    allow_differences: Annotated[
        bool,
        typer.Option(
            "--allow-differences", help="Print results of different judges, presets or benchmarks, marked as such."
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            help="Ablation table: the difference of each other policy to this one.",
            metavar="POLICY",
            show_default=False,
        ),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of published rows to print below an ablation table.", metavar="FILE", show_default=False
        ),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Join results.

    Results of different judges, presets, profiles or benchmark versions are refused, or marked as such in the table
    (--allow-differences).
    """
    from canvasagent.errors import InputError
    from canvasagent.evaluation.ablation import as_ablation, read_published
    from canvasagent.evaluation.joining import join
    from canvasagent.evaluation.tables import make_tables
    from canvasagent.evaluation.texts import as_latex, as_markdown

    joined = join(folders, allow_differences)
    tables = make_tables(joined.rows, joined.policies)
    if published is not None and against is None:
        raise InputError("--published belongs to an ablation table: name the full policy with --against.")
    if against is not None:
        rows = read_published(published) if published is not None else []
        text = as_ablation(joined.setup, joined.rows, joined.policies, against, rows)
    else:
        text = (as_latex if latex else as_markdown)(joined.setup, tables, joined.differences)
    if not json:
        out().print(text, markup=False)
    payload = {
        "status": "met",
        "setup": joined.setup.model_dump(),
        "differences": list(joined.differences),
        **tables.model_dump(),
    }
    return Ending(0, payload)


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("table", help=page_text(summary, table))(table)
