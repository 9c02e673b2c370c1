"""`canvasagent train`: train policies. Each subcommand is a file of `cli/trainings/`, found by its name."""

from __future__ import annotations

import typer

from canvasagent.cli import trainings
from canvasagent.cli.groups import add_group


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands; each of their files defines `register(group)`."""
    add_group(app, "train", summary, trainings, _group)


def _group() -> None:
    """Train policies: on trajectories (SFT), then by reward with real tools (GRPO)."""
