"""`canvasagent run`: one request, a run to go on with, or a file of requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent import defaults
from canvasagent.cli.common import (
    LAST,
    RUNS_DIR,
    Ending,
    json_option,
    runs_dir_option,
    trust_option,
    verbose_option,
    with_run_folder,
)
from canvasagent.cli.completion import one_of, policies, profiles, run_names
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.options import settings_from, settings_options, with_options
from canvasagent.defaults import Limits
from canvasagent.errors import InputError
from canvasagent.policies import policy_names
from canvasagent.policies.base import PolicySettings

if TYPE_CHECKING:
    from canvasagent.agent import Agent
    from canvasagent.record.trajectory import Trajectory
    from canvasagent.record.trust import Named

_SECRET = ("api_key",)
"""Settings that are no option: what stands on a command line can be read by every user of the machine."""


@dataclass(frozen=True)
class Given:
    """What was asked for on the command line; None where it was not."""

    request: str | None = None
    images: tuple[Path, ...] = ()
    output: Path | None = None
    policy: str | None = None
    profile: str | None = None
    runs_dir: Path = RUNS_DIR
    resume: str | None = None
    trust_record: bool = False
    continued: str | None = None
    batch: Path | None = None
    concurrency: int | None = None
    engine: str = "local"
    seed: int | None = None
    json: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `Limits` and `PolicySettings`."""

    def agent(self, record: Trajectory | None = None) -> Agent:
        """The agent that was asked for; where nothing was said, as `record` has it, else the library's defaults.

        Raises `InputError` where `record` names what only the user may (see `canvasagent.record.trust`).
        """
        from canvasagent.agent import Agent
        from canvasagent.record.trust import recorded

        known = recorded(record, self.named, trust=self.trust_record) if record else None
        options: dict[str, Any] = {
            "limits": settings_from(Limits, self.settings, record.limits if record else None),
            "settings": settings_from(PolicySettings, self.settings, known.settings if known else None),
        }
        policy, profile = (known.policy, known.profile) if known else (self.policy, self.profile)
        options |= {"policy": policy} if policy else {}
        options |= {"profile": profile} if profile else {}
        return Agent(runs_dir=self.runs_dir, **options)

    @property
    def named(self) -> Named:
        """What a record does not decide, since it was said here."""
        from canvasagent.record.trust import Named

        return Named(self.policy, self.settings.get("base_url"), self.profile)


def run(
    request: Annotated[
        str | None,
        typer.Argument(help="What to make or change, in words, in quotes.", metavar="REQUEST", show_default=False),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image", "-i", help="A picture to work on; give as many as there are. -: standard input.", metavar="FILE"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where the result goes; the ending says the format.", metavar="FILE"),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help=f"Who decides what to do: {', '.join(policy_names())} (as in openai:MODEL, replay:RUN), or FILE.py. "
            f"Default: {defaults.POLICY}.",
            metavar="NAME",
            autocompletion=policies,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help=f"What does the pixel work: a profile or a .toml file. Default: {defaults.PROFILE}.",
            metavar="NAME",
            autocompletion=profiles,
        ),
    ] = None,
    runs_dir: Annotated[Path, runs_dir_option()] = RUNS_DIR,
    resume: Annotated[
        str | None,
        typer.Option(
            help=f"Go on with a run that was stopped, cut off or failed; `{LAST}`: the newest.",
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
        typer.Option(help=f"How many run at once. Default: {defaults.CONCURRENCY}.", min=1, rich_help_panel="Batch"),
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
    seed: Annotated[int | None, typer.Option(help="Runs with the same seed repeat each other.")] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **settings: Any,
) -> Ending:
    """Carry out a request on pictures.

    canvasagent run "cut out the face and mirror it" -i photo.jpg -o face.png

    Exit code 0: all of it is done; 3: parts are not; 4: a limit cut it off; 5: an endpoint or backend failed.
    """
    policy = with_run_folder(policy, runs_dir)
    given = Given(
        request, tuple(image or ()), output, policy, profile, runs_dir, resume, trust_record, continue_, batch,
        concurrency, engine, seed, json, settings,
    )  # fmt: skip
    _check(given)
    if batch is not None:
        from canvasagent.cli.batches import run_batch_file

        return run_batch_file(given)
    from canvasagent.cli.episode import run_one

    return run_one(given)


def register(app: typer.Typer, summary: str) -> None:
    """Add the command, with an option for every setting of limits and policies."""
    parameters = [
        *settings_options(Limits, "Limits"),
        *settings_options(PolicySettings, "Policy", skip=_SECRET),
    ]
    app.command("run", help=page_text(summary, run))(with_options(run, parameters))


def _check(given: Given) -> None:
    """Refuse what cannot be meant, before anything runs."""
    modes = {"--resume": given.resume, "--continue": given.continued, "--batch": given.batch}
    chosen = [name for name, value in modes.items() if value is not None]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other.")
    if given.batch is not None:
        _refuse("--batch", "the file says it", request=given.request, image=given.images, out=given.output)
    if given.batch is None and given.concurrency is not None:
        raise InputError("--concurrency needs --batch.")
    if given.batch is None and given.engine != "local":
        raise InputError("--engine needs --batch.")
    if given.trust_record and given.resume is None:
        raise InputError("--trust-record needs --resume.")
    if given.resume is not None:
        _refuse("--resume", "the run has it already", request=given.request, image=given.images, seed=given.seed)
    elif given.batch is None and given.request is None:
        raise InputError('say what to make or change: canvasagent run "make it warmer" -i photo.jpg -o out.png')
    if given.output is not None:
        from canvasagent.imaging.pictures import check_output_path

        check_output_path(given.output)


def _refuse(option: str, why: str, **unwanted: Any) -> None:
    for name, value in unwanted.items():
        if value not in (None, ()):
            what = "a request" if name == "request" else f"--{name}"
            raise InputError(f"{what} cannot be given with {option}: {why}.")
