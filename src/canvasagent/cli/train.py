"""`canvasagent train`: train policies. Each subcommand is a file of `cli/trainings/`, found by its name."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import typer

from canvasagent.cli import trainings


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands; each of their files defines `register(group)`."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    for module in sorted(item.name for item in pkgutil.iter_modules(trainings.__path__)):
        import_module(f"{trainings.__name__}.{module}").register(group)
    app.add_typer(group, name="train", help=summary)


def _group() -> None:
    """Train policies: on trajectories (SFT), then by reward with real tools (GRPO)."""
