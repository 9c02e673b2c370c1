"""`canvasagent run`: one request, a run to go on with, or a file of requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canvasagent import defaults
from canvasagent.cli.common import Ending, json_option, runs_dir_option, trust_option, verbose_option, with_run_folder
from canvasagent.cli.completion import one_of, policies, profiles, run_names
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.options import settings_options, with_options
from canvasagent.cli.run_list import LAST, RUNS_DIR
from canvasagent.cli.run_options import RunOptions
from canvasagent.defaults import Limits
from canvasagent.errors import InputError
from canvasagent.policies import policy_names
from canvasagent.policies.base import PolicySettings

_SECRET = ("api_key",)
"""Settings without an option: every user of the machine can read a command line."""


def run(
    request: Annotated[
        str | None,
        typer.Argument(help="What to make or change, in words, in quotes.", metavar="REQUEST", show_default=False),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", "-i", help="A picture to work on; may be repeated. -: standard input.", metavar="FILE"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File for the result; its ending sets the format.", metavar="FILE"),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help=f"The policy: {', '.join(policy_names())} (as in openai:MODEL, replay:RUN), or FILE.py. "
            f"Default: {defaults.POLICY}.",
            metavar="NAME",
            autocompletion=policies,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help=f"The tools' backends: a profile or a .toml file. Default: {defaults.PROFILE}.",
            metavar="NAME",
            autocompletion=profiles,
        ),
    ] = None,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    resume: Annotated[
        str | None,
        typer.Option(
            help=f"Resume a run that was stopped, failed or reached a limit; `{LAST}`: the newest.",
            metavar="RUN",
            autocompletion=run_names,
        ),
    ] = None,
    trust_record: Annotated[bool, trust_option()] = False,
    continue_: Annotated[
        str | None,
        typer.Option(
            "--continue",
            help=f"A new request on the pictures of a finished run; `{LAST}`: the newest.",
            metavar="RUN",
            autocompletion=run_names,
        ),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            help="A file with one request a line, as JSON objects. -: standard input.",
            metavar="FILE",
            rich_help_panel="Batch",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(help=f"Runs at the same time. Default: {defaults.CONCURRENCY}.", min=1, rich_help_panel="Batch"),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: spread over a cluster (RAY_ADDRESS), docs/scale.md.",
            metavar="NAME",
            rich_help_panel="Batch",
            autocompletion=one_of("local", "ray"),
        ),
    ] = "local",
    seed: Annotated[int | None, typer.Option(help="Seed of the run; equal seeds give equal runs.")] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **settings: Any,
) -> Ending:
    """Run a request on pictures.

    canvasagent run "cut out the face and mirror it" -i photo.jpg -o face.png

    Exit code 0: all of it is done; 3: parts are not; 4: a limit cut it off; 5: an endpoint or backend failed.
    """
    policy = with_run_folder(policy, runs_dir)
    options = RunOptions(
        request, tuple(image or ()), output, policy, profile, runs_dir, resume, trust_record, continue_, batch,
        concurrency, engine, seed, json, settings,
    )  # fmt: skip
    _check(options)
    if batch is not None:
        from canvasagent.cli.batches import run_batch_file

        return run_batch_file(options)
    from canvasagent.cli.episode import run_one

    return run_one(options)


def register(app: typer.Typer, summary: str) -> None:
    """Add the command, with an option for every setting of limits and policies."""
    parameters = [
        *settings_options(Limits, "Limits"),
        *settings_options(PolicySettings, "Policy", skip=_SECRET),
    ]
    app.command("run", help=page_text(summary, run))(with_options(run, parameters))


def _check(options: RunOptions) -> None:
    """Raise `InputError` for contradictory options, before anything runs."""
    modes = {"--resume": options.resume, "--continue": options.continued, "--batch": options.batch}
    chosen = [name for name, value in modes.items() if value is not None]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other.")
    if options.batch is not None:
        _refuse("--batch", "the file says it", request=options.request, image=options.images, out=options.output)
    if options.batch is None and options.concurrency is not None:
        raise InputError("--concurrency needs --batch.")
    if options.batch is None and options.engine != "local":
        raise InputError("--engine needs --batch.")
    if options.trust_record and options.resume is None:
        raise InputError("--trust-record needs --resume.")
    if options.resume is not None:
        _refuse("--resume", "the run has it already", request=options.request, image=options.images, seed=options.seed)
    elif options.batch is None and options.request is None:
        raise InputError('say what to make or change: canvasagent run "make it warmer" -i photo.jpg -o out.png')
    if options.output is not None:
        from canvasagent.imaging.pictures import check_output_path

        check_output_path(options.output)


def _refuse(option: str, why: str, **unwanted: Any) -> None:
    for name, value in unwanted.items():
        if value not in (None, ()):
            what = "a request" if name == "request" else f"--{name}"
            raise InputError(f"{what} cannot be given with {option}: {why}.")
