"""`canvasagent craft export`: write a dataset in the format of another project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, err, json_option, out, verbose_option
from canvasagent.cli.completion import formats


def export(
    dataset: Annotated[Path, typer.Argument(help="Folder of the dataset.", metavar="DATASET")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="sharegpt, hf, verl, trl, llamafactory or ms-swift.",
            metavar="NAME",
            autocompletion=formats,
        ),
    ],
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder to create; it must be empty or new.", metavar="DIR")],
    filter: Annotated[
        str | None,
        typer.Option(
            help="Leave out requests that a list or a model objects to: `words` (the package's list), a file with a "
            "word or phrase a line, or endpoint:MODEL.",
            metavar="words|FILE|endpoint:MODEL",
        ),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Export a dataset in the format of another project: the whole folder, or nothing after an error."""
    from canvasagent.craft.exports import export as run_export
    from canvasagent.craft.exports import load_format
    from canvasagent.craft.store import Dataset

    load_format(format)
    reject = None
    if filter is not None:
        from canvasagent.craft.writers.filter import load_filter

        reject = load_filter(filter)
    with Dataset.open(dataset) as opened:
        if not opened.complete:
            err().print("The dataset's build has not come to its end; what is there is exported.", style="yellow")
        result = run_export(opened, format, to, reject)
    if not json:
        counts = ", ".join(f"{split} {count:,}" for split, count in result.records.items()) or "no records"
        out().print(f"{result.out}: {counts} as {result.format}", markup=False)
        if filter is not None:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in result.filtered.items())
            left = sum(result.filtered.values())
            out().print(f"Left out by the filter: {left:,}" + (f" ({reasons})" if left else ""), markup=False)
        for note in result.notes:
            out().print(note, style="yellow", markup=False)
        if result.loses:
            out().print(f"This form has no room for: {result.loses}.", style="dim", markup=False)
    return Ending(0, {"status": "met", **result.model_dump()})


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("export")(export)
