"""`canvasagent craft sft`: build trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import CODES, Ending, json_option, out, verbose_option

if TYPE_CHECKING:
    from canvasagent.craft.sft import Progress as Made


def sft(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset.", metavar="DIR")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Records.", metavar="N")] = 1000,
    mix: Annotated[str, typer.Option(help="paper, uniform, or a TOML file.", metavar="NAME")] = "paper",
    images: Annotated[
        list[str] | None,
        typer.Option(help="Source of pictures, once for each: sketch, dir:PATH, hf:NAME, released:PATH. [sketch]"),
    ] = None,
    writer: Annotated[
        str, typer.Option(help="Who finds the words: grammar, endpoint:MODEL.", metavar="NAME")
    ] = "grammar",
    profile: Annotated[str, typer.Option(help="What does the pixel work.", metavar="NAME")] = "lite",
    workers: Annotated[int, typer.Option(min=1, help="Processes that work on it.", metavar="N")] = 1,
    engine: Annotated[str, typer.Option(help="local or ray.", metavar="NAME")] = "local",
    seed: Annotated[int, typer.Option(help="The same seed and n give the same records.")] = 0,
    recovery: Annotated[float, typer.Option(min=0, max=1, help="Share with a wrong turn that is mended.")] = 0.08,
    verify: Annotated[float, typer.Option(min=0, max=1, help="Share with a step that makes sure.")] = 0.15,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Build executed trajectories, or go on with a build that was interrupted: the same command again.

    Exit code 0: all records were made; 3: some could not be, which are told.
    """
    from canvasagent.cli.building import Watch
    from canvasagent.craft.funnel import PAGE
    from canvasagent.craft.sft import build_sft, settings_for

    settings = settings_for(
        n, mix, images=tuple(images or ["sketch"]), writer=writer, profile=profile, seed=seed, recovery=recovery,
        verify=verify,
    )  # fmt: skip
    with Watch(n) as watch:
        made = build_sft(settings, to, workers=workers, engine=engine, tell=watch.tell)
    seconds = watch.seconds
    if not json:
        out().print(_words(made, seconds), markup=False)
        out().print(f"Report: {to / PAGE}", markup=False)
    whole = made.made == n
    payload = {
        "status": "met" if whole else "unmet", "records": made.made, "asked": n, "there_before": made.found,
        "fallen": dict(made.fallen), "missing": dict(made.missing), "seconds": round(seconds, 3), "out": str(to),
        "report": str(to / PAGE),
    }  # fmt: skip
    return Ending(0 if whole else CODES["unmet"], payload)


def _words(made: Made, seconds: float) -> str:
    fresh = made.made - made.found
    told = [f"{made.made:,} of {made.asked:,} records"]
    told += [f"{made.found:,} of them there before"] if made.found else []
    told += [f"{made.fallen.total():,} tries fell"] if made.fallen else []
    told += (
        [f"not made: {', '.join(f'{count} × {chain}' for chain, count in made.missing.items())}"]
        if made.missing
        else []
    )
    speed = f" · {fresh / seconds * 60:.0f} a minute" if fresh and seconds > 1 else ""
    return f"{', '.join(told)} · {seconds:.1f} s{speed}"


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("sft")(sft)
