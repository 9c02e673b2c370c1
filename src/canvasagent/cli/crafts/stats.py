"""`canvasagent craft stats`: the paper's Tables 3, 7 and 8 beside a dataset's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option

if TYPE_CHECKING:
    from rich.table import Table

    from canvasagent.craft.tally import TableRow


def stats(
    dataset: Annotated[Path, typer.Argument(help="Folder of the dataset.", metavar="DATASET")],
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Compare a dataset with the paper's Tables 3, 7 and 8: counts, shares and their differences."""
    from canvasagent.craft.store import Dataset
    from canvasagent.craft.tally import asked_counts, table_3, table_7, table_8, tally

    with Dataset.open(dataset) as opened:
        counts, requested = tally(opened), asked_counts(opened.settings)
    three, seven, eight = table_3(counts), table_7(counts, requested), table_8(counts, requested)
    payload = {
        "status": "met",
        "kind": opened.kind,
        "complete": opened.complete,
        "records": dict(counts.splits),
        "unreadable": counts.unreadable,
        "chains": dict(counts.names.most_common()),
        "calls": dict(counts.calls.most_common()),
        "lengths": dict(sorted(counts.lengths.items())),
        "inputs": dict(sorted(counts.inputs.items())),
        "table_3": {axis: [_plain(line) for line in lines] for axis, lines in three.items()},
        "table_7": [_plain(line) for line in seven],
        "table_8": [_plain(line) for line in eight],
    }
    if not json:
        splits = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.splits.items())) or "none"
        out().print(f"{counts.records:,} records ({splits}){'' if opened.complete else ', not finished'}")
        if counts.unreadable:
            out().print(f"Cannot be read, and not counted: {counts.unreadable:,} (see craft audit)", style="yellow")
        lines = [line.model_copy(update={"name": f"{axis} {line.name}"}) for axis in "RLD" for line in three[axis]]
        out().print(_table("Table 3: tasks by difficulty", lines), soft_wrap=False)
        unknown = {axis: counts.levels[axis]["unknown"] for axis in "RLD" if counts.levels[axis]["unknown"]}
        if unknown:
            text = ", ".join(f"{axis} of {count:,} records" for axis, count in unknown.items())
            out().print(f"Not known: {text}.", style="dim")
        out().print(_table("Table 7: trajectories by chain", seven), soft_wrap=False)
        out().print(_table("Table 8: hard chains", eight), soft_wrap=False)
    return Ending(0, payload)


def _plain(line: TableRow) -> dict[str, object]:
    return {**line.model_dump(), "difference": line.difference}


def _table(title: str, lines: Iterable[TableRow]) -> Table:
    from rich.table import Table

    lines = list(lines)
    has_requested = any(line.asked is not None for line in lines)
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", overflow="fold")
    for name in ("paper", "share", "here", *(["asked"] if has_requested else []), "share", "apart"):
        table.add_column(name, justify="right")
    for line in lines:
        wanted = [f"{line.asked:,}"] if line.asked is not None else [""] * has_requested
        shares = f"{line.here_share:.2%}", f"{100 * line.difference:+.2f}"
        table.add_row(line.name, f"{line.paper:,}", f"{line.paper_share:.2%}", f"{line.here:,}", *wanted, *shares)
    return table


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("stats")(stats)
