"""`canvasagent profile`: profiles as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canvasagent.cli.common import Ending, err, out, verbose_option
from canvasagent.cli.completion import profiles
from canvasagent.cli.planning import plan


def new(
    file: Annotated[
        Path, typer.Argument(help="File to write; its ending is .toml.", metavar="FILE", show_default=False)
    ],
    extends: Annotated[
        str, typer.Option(help="Profile to start from.", metavar="NAME", autocompletion=profiles)
    ] = "lite",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Write a commented profile with all options, to be edited by hand."""
    from canvasagent.cli.profile_template import commented
    from canvasagent.errors import InputError
    from canvasagent.storage.files import write_atomically

    if file.suffix != ".toml":
        raise InputError(f"'{file}': a profile's file ends in .toml.")
    if file.exists() and not force:
        raise InputError(f"'{file}' is there already; --force replaces it.")
    write_atomically(file, commented(extends, file.stem).encode("utf-8"))
    err().print(f"Change it, then use it with --profile {file}", markup=False)
    out().print(str(file), markup=False)
    return Ending()


def register(app: typer.Typer, summary: str) -> None:
    """Add the command and its subcommands."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(_group)
    group.command("new")(new)
    group.command("plan")(plan)
    app.add_typer(group, name="profile", help=summary)


def _group() -> None:
    """Profiles: files for --profile that choose the backend of each tool."""
