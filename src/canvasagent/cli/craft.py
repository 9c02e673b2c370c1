"""`canvasagent craft`: build data. Each subcommand is a file of `cli/crafts/`, found by its name."""

from __future__ import annotations

import typer

from canvasagent.cli import crafts
from canvasagent.cli.groups import add_group


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands; each of their files defines `register(group)`."""
    add_group(app, "craft", summary, crafts, _group)


def _group() -> None:
    """Build data: executed trajectories, task specifications, the benchmark; check and export it."""
