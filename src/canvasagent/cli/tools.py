"""`canvasagent tools`: the tools of a profile with their arguments and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from canvasagent.cli.common import Ending, json_option, out, verbose_option
from canvasagent.cli.completion import profiles

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from canvasagent.tools.base import Tool

MAKES = {"same": "same kind", "text": "words"}


def tools(
    profile: Annotated[
        str | None,
        typer.Option(
            help="A profile or a .toml file; the default one's if left out.", metavar="NAME", autocompletion=profiles
        ),
    ] = None,
    json: Annotated[bool, json_option("Print the JSON schemas, in the form that chat endpoints take.")] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """List the tools of a profile."""
    box = profile_tools(profile)
    if json:
        return Ending(payload=[tool.schema() for tool in box.values()])
    out().print(_table(list(box.values())), soft_wrap=False)
    return Ending()


def profile_tools(profile: str | None) -> dict[str, Tool]:
    """The tools that a profile has a backend for, by wire name."""
    from canvasagent.execution.toolbox import ToolBox

    with ToolBox(profile) if profile is not None else ToolBox() as toolbox:
        return toolbox.tools


def _table(tools: list[Tool]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    table.add_column("Tool", style="bold cyan", no_wrap=True)
    table.add_column("What it does", ratio=3)
    table.add_column("Arguments", ratio=3)
    table.add_column("Makes", no_wrap=True)
    for tool in tools:
        name = Text(tool.name)
        for alias in tool.aliases:
            name.append(f"\n{alias}", "dim not bold")
        table.add_row(name, Text(tool.summary), _arguments(tool), MAKES.get(tool.makes, tool.makes))
    return table


def _arguments(tool: Tool) -> Text:
    from rich.text import Text

    text = Text()
    for name, info in tool.arguments.model_fields.items():
        text.append("\n" if text.plain else "")
        text.append(name, "bold" if info.is_required() else "")
        text.append(f"  {info.description}" if info.description else "", "dim")
    return text


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    app.command("tools", help=summary)(tools)
