"""`canvasagent craft`: build data. Each subcommand is a file of `cli/crafts/`, found by its name."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import typer

from canvasagent.cli import crafts


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands; each of their files defines `register(group)`."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    for module in sorted(item.name for item in pkgutil.iter_modules(crafts.__path__)):
        import_module(f"{crafts.__name__}.{module}").register(group)
    app.add_typer(group, name="craft", help=summary)


def _group() -> None:
    """Build data: executed trajectories, task specifications, the benchmark; check and export it."""
