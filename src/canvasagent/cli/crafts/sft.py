"""`canvasagent craft sft`: build trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, json_option, resumable, verbose_option
from canvasagent.cli.completion import one_of, profiles


def sft(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset.", metavar="DIR")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Number of records.", metavar="N")] = 1000,
    mix: Annotated[
        str,
        typer.Option(help="paper, uniform, or a TOML file.", metavar="NAME", autocompletion=one_of("paper", "uniform")),
    ] = "paper",
    images: Annotated[
        list[str] | None,
        typer.Option(
            help="Source of pictures, once for each: sketch, dir:PATH, hf:NAME, released:PATH. Default: sketch.",
            metavar="SOURCE",
        ),
    ] = None,
    writer: Annotated[
        str, typer.Option(help="Writer of instructions and reasons: grammar, endpoint:MODEL.", metavar="NAME")
    ] = "grammar",
    profile: Annotated[
        str, typer.Option(help="Profile of the runs.", metavar="NAME", autocompletion=profiles)
    ] = "lite",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.", metavar="N")] = 1,
    engine: Annotated[
        str, typer.Option(help="local or ray.", metavar="NAME", autocompletion=one_of("local", "ray"))
    ] = "local",
    seed: Annotated[int, typer.Option(help="The same seed and n give the same records.")] = 0,
    recovery: Annotated[
        float, typer.Option(min=0, max=1, help="Share of records with an injected error and its correction.")
    ] = 0.08,
    verification: Annotated[
        float, typer.Option(min=0, max=1, help="Share of records with a verification step.")
    ] = 0.15,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Build executed trajectories. The same command resumes an interrupted build.

    Exit code 0: all records were built; 3: some could not be, and are listed.
    """
    from canvasagent.cli.building import ended, shown
    from canvasagent.cli.progress import Bar
    from canvasagent.craft.builder import build
    from canvasagent.craft.sft import settings_for

    settings = settings_for(
        n, mix, images=tuple(images or ["sketch"]), writer=writer, profile=profile, seed=seed, recovery=recovery,
        verify=verification,
    )  # fmt: skip
    with Bar("records", n) as bar:
        made = build(settings, to, workers=workers, engine=engine, on_progress=shown(bar))
    return ended(made, to, bar.seconds, json=json, what="records")


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("sft")(resumable(sft))
