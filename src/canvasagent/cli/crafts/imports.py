"""`canvasagent craft import`: make a dataset of released files, or of exported ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import DRIFTED, Ending, json_option, max_pixels_option, out, resumable, verbose_option
from canvasagent.imaging.geometry import MAX_PIXELS


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
        typer.Option(help="Folder with the pictures or their shards, if not beside PATH.", metavar="DIR"),
    ] = None,
    max_pixels: Annotated[int, max_pixels_option()] = MAX_PIXELS,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Import released trajectories or tasks as a dataset. The same command resumes an interrupted import.

    Unusable items are kept in the dataset's folder `rejected`, each with the reason.
    Exit code 0: there are records; 3: every item was rejected.
    """
    from canvasagent.craft.imports import import_dataset
    from canvasagent.craft.store.layout import REJECTED

    result = import_dataset(path, to, images=images, max_pixels=max_pixels)
    if not json:
        counts = {name: count for name, count in result.counts.items() if name != "rejected"}
        text = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"
        out().print(f"{result.out}: {text}", markup=False)
        if left := result.counts.get("rejected"):
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in result.rejected.items())
            where = f"kept in {Path(result.out) / REJECTED} with the reason"
            out().print(f"Rejected: {left:,} ({reasons}), {where}", style="yellow", markup=False)
    usable = any(name not in ("rejected", "pictures") for name in result.counts)
    return Ending(0 if usable else DRIFTED, {"status": "met" if usable else "unmet", **result.model_dump()})


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("import")(resumable(import_))
