"""`canvasagent craft review`: let people decide about tasks, and apply their decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option


def review(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset of tasks.", metavar="DATASET")],
    sample: Annotated[
        int | None, typer.Option(min=1, help="Number of tasks, drawn at random; all if left out.", metavar="N")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File to write: a page (.html), or lines to fill in (.jsonl).", metavar="FILE"
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="Decisions to apply: the file that the page saved, or the .jsonl, filled in.",
            metavar="FILE",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Include tasks that have a decision.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the choice of tasks.")] = 0,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Write tasks for people to accept, reject or fix; apply their decisions.

    The page contains its pictures, needs no network and saves the decisions as a file. Every decision
    is kept with its task; what is rejected moves to the dataset's rejected items.
    """
    from canvasagent.craft.rl.review import apply_decisions, write_queue
    from canvasagent.errors import InputError

    if (to is None) == (decisions is None):
        raise InputError("say either where the queue goes (--out queue.html) or what was decided (--import FILE).")
    if decisions is not None:
        done = apply_decisions(dataset, decisions, again)
        if not json:
            summary = f"{done.accepted} accepted, {done.fixed} fixed, {done.rejected} rejected"
            out().print(f"{dataset}: {summary}", markup=False)
        return Ending(0, {"status": "met", **done.model_dump()})
    assert to is not None
    count = write_queue(dataset, to, sample, seed, again)
    if not json:
        out().print(f"{to}: {count:,} task{'' if count == 1 else 's'} to decide about", markup=False)
    return Ending(0, {"status": "met", "tasks": count, "out": str(to)})


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("review")(review)
