"""`canvasagent craft import`: make a dataset of released files, or of exported ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder, a JSON file of trajectories (ShareGPT) or a Parquet file of tasks.", metavar="PATH"
        ),
    ],
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset to make.", metavar="DIR")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder with the pictures or their shards, if they are not beside it.", metavar="DIR"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Make a dataset of the released trajectories or tasks. The same command goes on where it was interrupted."""
    from canvasagent.craft.imports import import_dataset

    said = import_dataset(path, to, images=images)
    if not json:
        counts = {name: count for name, count in said.counts.items() if name != "rejected"}
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"
        out().print(f"{said.out}: {told}", markup=False)
        if left := said.counts.get("rejected"):
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in said.rejected.items())
            out().print(f"Kept apart, with the reason: {left:,} ({reasons})", style="yellow", markup=False)
    return Ending(0, {"status": "met", **said.model_dump()})


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("import")(import_)
