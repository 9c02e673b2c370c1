"""`canvasagent runs`: the runs in a folder, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import Ending, err, json_option, out, runs_dir_option, verbose_option
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.run_list import RUNS_DIR

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from canvasagent.cli.run_list import Listed

SHOWN = 20
"""Runs that are listed unless `--limit` says otherwise; `--json` lists all."""
GAP = "  "
LEAST = 24
"""Characters that request and result need beside each other; where they have fewer, lines are printed whole."""
_WORDS = {"running": "unfinished"}
"""Statuses shown under another name than the record's: a run that was killed is not running."""


def runs(
    limit: Annotated[int | None, typer.Option(min=1, help=f"Most runs to list. Default: {SHOWN}.")] = None,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    json: Annotated[bool, json_option("Print all of them as one JSON object.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """List the runs, newest first, with those of batches.

    Where commands take a RUN, they take an id from here, or `last` for the first one.
    """
    from canvasagent.cli.run_list import listed, run_folders

    folders = run_folders(runs_dir)
    shown = folders[: limit if json else limit or SHOWN]
    listed_runs = [listed(folder, runs_dir) for folder in shown]
    where = runs_dir.resolve()
    if not json:
        _print(out(), listed_runs)
        err().print(_count(len(folders), len(shown), where), markup=False, style="dim")
    payload = {
        "status": "met",
        "runs_dir": str(where),
        "total": len(folders),
        "runs": [_payload(one) for one in listed_runs],
    }
    return Ending(0, payload)


def _count(total: int, shown: int, where: Path) -> str:
    if not total:
        return f"There are no runs in {where} yet."
    if shown < total:
        return f"{shown} of {total} runs in {where}; --limit {total} lists all."
    return f"{total} run{'' if total == 1 else 's'} in {where}"


def _payload(one: Listed) -> dict[str, Any]:
    result = _result_path(one)
    return {
        "id": one.name,
        "run_dir": str(one.folder),
        "status": one.status,
        "created": one.created,
        "updated": one.updated.astimezone().isoformat(timespec="seconds"),
        "request": one.request,
        "final": str(result) if result else None,
        "answer": one.answer,
    }


def _result_path(one: Listed) -> Path | None:
    """The result's file; None where the run has none, or names one that is no asset's."""
    from canvasagent.storage import run_files

    if one.final is None or not one.final.replace("_", "").isalnum():
        return None
    path = one.folder / run_files.ASSET_FOLDER / f"{one.final}.png"
    return path if path.is_file() else None


def _print(console: Console, listed_runs: Sequence[Listed]) -> None:
    """A table on a terminal, whose request and result are cut to its width; elsewhere one whole line a run."""
    from rich.table import Table

    from canvasagent.cli.words import short

    rows = [[_plain(short(one.name, 40)), _plain(_when(one)), _status(one)] for one in listed_runs]
    widths = [max((row[index].cell_len for row in rows), default=0) for index in range(3)]
    rest = console.width - sum(widths) - 4 * len(GAP)
    if not console.is_terminal or rest < LEAST:
        for one in listed_runs:
            head = f"{short(one.name, 200):<{widths[0]}}{GAP}{_when(one)}{GAP}{_status(one).plain:<{widths[2]}}"
            console.print(f"{head}{GAP}{short(one.request, 500)}{GAP}{_result(one, whole=True)}", markup=False)
        return
    table = Table.grid(padding=(0, len(GAP), 0, 0))
    for width in (*widths, rest * 3 // 5, rest - rest * 3 // 5):
        table.add_column(width=width, no_wrap=True, overflow="ellipsis")
    for row, one in zip(rows, listed_runs, strict=True):
        table.add_row(*row, _plain(short(one.request, 200)), _plain(_result(one)))
    console.print(table, soft_wrap=False)


def _plain(words: str) -> Text:
    from rich.text import Text

    return Text(words)


def _when(one: Listed) -> str:
    return f"{one.updated:%Y-%m-%d %H:%M}"


def _status(one: Listed) -> Text:
    from rich.text import Text

    from canvasagent.cli.words import STATUS_STYLE, short

    return Text(short(_WORDS.get(one.status, one.status), 12), STATUS_STYLE.get(one.status, "bold"))


def _result(one: Listed, whole: bool = False) -> str:
    """The result's name (its file, where `whole`), or the words that answer."""
    from canvasagent.cli.words import short

    path = _result_path(one)
    picture = None if path is None else str(path) if whole else one.final
    return ", ".join(part for part in (picture, short(one.answer, 200) if one.answer else None) if part) or "–"


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("runs", help=page_text(summary, runs))(runs)
