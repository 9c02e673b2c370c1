"""Commands whose subcommands are the files of a folder, each found by its name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import typer


def add_group(app: typer.Typer, name: str, summary: str, folder: ModuleType, about: Callable[[], None]) -> None:
    """Add the command `name`; each file of `folder` defines `register(group)`. `about` has the group's help."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(about)
    for module in sorted(item.name for item in pkgutil.iter_modules(folder.__path__)):
        import_module(f"{folder.__name__}.{module}").register(group)
    app.add_typer(group, name=name, help=summary)
