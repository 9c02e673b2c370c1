"""`canvasagent train sft`: train a policy on executed trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canvasagent.cli.common import Ending, json_option, resumable, verbose_option
from canvasagent.cli.options import settings_from, settings_options, with_options
from canvasagent.cli.trained import ended, file_settings, step_shower
from canvasagent.training.sft_config import SftSettings

SHOWN = ("loss", "mean_token_accuracy", "eval_loss")
"""Figures on the progress line."""


def sft(
    model: Annotated[str, typer.Option(help="Folder or hub id of the checkpoint to train.", metavar="PATH_OR_ID")],
    data: Annotated[Path, typer.Option(help="Dataset that `canvasagent craft sft` wrote.", metavar="DIR")],
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training.", metavar="DIR")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file with settings; options go before it.", metavar="FILE")
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Train a policy on trajectories (SFT): the loss is on its turns alone. The same command resumes.

    Writes the model, its checkpoints, metrics.jsonl and training.html.
    """
    from canvasagent.cli.progress import Bar
    from canvasagent.training.sft import train_sft

    settings = settings_from(SftSettings, options, file_settings(SftSettings, config))
    with Bar("trajectories read") as reading, Bar("steps", settings.max_steps) as bar:
        trained = train_sft(model, data, to, settings, on_step=step_shower(bar, SHOWN), on_read=reading.show)
    return ended(trained, "trajectories", json)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("sft")(resumable(with_options(sft, settings_options(SftSettings, "Training"))))
