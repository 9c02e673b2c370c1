"""`canvasagent train grpo`: train a policy by reward, with real tools in its rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canvasagent.cli.common import Ending, json_option, resumable, verbose_option
from canvasagent.cli.completion import judges, presets, profiles
from canvasagent.cli.judging import judge_options, judge_settings
from canvasagent.cli.options import settings_from, settings_options, with_options
from canvasagent.cli.trained import ended, file_settings, step_shower
from canvasagent.training.grpo_config import GrpoSettings

SHOWN = ("reward", "rollout/calls", "rollout/valid_calls", "kl")
"""Figures on the progress line."""


def grpo(
    model: Annotated[str, typer.Option(help="Folder or hub id of the checkpoint to train.", metavar="PATH_OR_ID")],
    tasks: Annotated[Path, typer.Option(help="Dataset of tasks that `canvasagent craft rl` wrote.", metavar="DIR")],
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training.", metavar="DIR")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Reward: paper, no-outcome, no-process, hardened, release. Default: paper.",
            metavar="NAME",
            autocompletion=presets,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="local-2 (rules), endpoint:MODEL, or none for a preset of rules alone. Default: local-2.",
            metavar="NAME",
            autocompletion=judges,
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of the tools. Default: lite.", metavar="NAME", autocompletion=profiles)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with settings; options go before it.", metavar="FILE")
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Train a policy by reward: groups of rollouts with real tools, compared with each other (GRPO). The same command
    resumes an interrupted training.

    Writes the model, its checkpoints, metrics.jsonl and training.html. Exit code 0: trained to the end; 3: stopped
    before it, with a checkpoint.
    """
    from canvasagent.cli.progress import Bar
    from canvasagent.training.grpo import train_grpo

    options |= {"preset": preset, "judge": judge, "profile": profile}
    settings = settings_from(GrpoSettings, options, file_settings(GrpoSettings, config))
    with Bar("steps", settings.max_steps) as bar:
        trained = train_grpo(model, tasks, to, settings, judge_settings(options), on_step=step_shower(bar, SHOWN))
    return ended(trained, "tasks", json)


def register(group: typer.Typer) -> None:
    """Add the command."""
    parameters = [*settings_options(GrpoSettings, "Training", skip=("preset", "judge", "profile")), *judge_options()]
    group.command("grpo")(resumable(with_options(grpo, parameters)))
