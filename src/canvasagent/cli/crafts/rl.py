"""`canvasagent craft rl`: build task specifications."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, json_option, resumable, verbose_option
from canvasagent.cli.completion import one_of, policies, profiles

_WEIGHTS = "Weights of easy, medium and hard in {}, such as 1,2,7. Default: {}, as in Table 3."


def rl(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset.", metavar="DIR")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Number of tasks.", metavar="N")] = 1000,
    reasoning: Annotated[
        str | None, typer.Option("--reasoning", "-R", help=_WEIGHTS.format("R", "761,1807,7432"), metavar="E,M,H")
    ] = None,
    length: Annotated[
        str | None, typer.Option("--length", "-L", help=_WEIGHTS.format("L", "476,4687,4837"), metavar="E,M,H")
    ] = None,
    diversity: Annotated[
        str | None, typer.Option("--diversity", "-D", help=_WEIGHTS.format("D", "2317,5631,2052"), metavar="E,M,H")
    ] = None,
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
        str, typer.Option(help="Profile of the gold runs.", metavar="NAME", autocompletion=profiles)
    ] = "lite",
    verify: Annotated[
        float, typer.Option(min=0, max=1, help="Share of tasks whose gold plan is executed and must pass.")
    ] = 1.0,
    filter_model: Annotated[
        str | None, typer.Option(help="A model that may object to tasks.", metavar="endpoint:MODEL")
    ] = None,
    solve: Annotated[
        str | None,
        typer.Option(help="A reference policy that tries every task.", metavar="POLICY", autocompletion=policies),
    ] = None,
    tries: Annotated[int, typer.Option(min=1, max=64, help="Tries per task.")] = 4,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.", metavar="N")] = 1,
    engine: Annotated[
        str, typer.Option(help="local or ray.", metavar="NAME", autocompletion=one_of("local", "ray"))
    ] = "local",
    seed: Annotated[int, typer.Option(help="The same seed and n give the same tasks.")] = 0,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Build tasks of a given difficulty. The same command resumes an interrupted build.

    Exit code 0: all tasks were built; 3: some could not be, and are listed.
    """
    from canvasagent.cli.building import ended, shown
    from canvasagent.cli.progress import Bar
    from canvasagent.craft.builder import build
    from canvasagent.craft.rl.tasks import settings_for

    options = {"R": reasoning, "L": length, "D": diversity}
    settings = settings_for(
        n, {axis: _weights(axis, text) for axis, text in options.items() if text is not None},
        images=tuple(images or ["sketch"]), writer=writer, profile=profile, seed=seed, verify=verify,
        filter_model=filter_model, solve=solve, tries=tries,
    )  # fmt: skip
    with Bar("tasks", n) as bar:
        made = build(settings, to, workers=workers, engine=engine, on_progress=shown(bar))
    return ended(made, to, bar.seconds, json=json, what="tasks", cells=" (R/L/D)", marginals=settings.marginals)


def _weights(axis: str, text: str) -> list[float]:
    from canvasagent.errors import InputError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{axis}: '{text}' are no three weights; give them as 1,2,7.") from error


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("rl")(resumable(rl))
