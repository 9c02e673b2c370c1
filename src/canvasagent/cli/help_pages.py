"""Help pages: texts as they are written, flags without a type, commands in panels. One pass over all commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperGroup, TyperOption

HELP_NAMES = ("-h", "--help")
_TYPES = {"int": "N", "float": "NUMBER", "str": "TEXT", "path": "PATH"}
"""What stands for a value of a type, where its option names nothing better."""


def page_text(summary: str, command: Callable[..., Any]) -> str:
    """The text of a command's page: its line in the list of commands, then what follows the docstring's first part."""
    rest = inspect.cleandoc(command.__doc__ or "").partition("\n\n")[2]
    return f"{summary}\n\n{rest}" if rest else summary


def finish(root: TyperGroup, panels: Mapping[str, str]) -> None:
    """Make the help of `root` and of all commands below it ready to be shown; `panels`: each command's panel, in order.

    typer reads square brackets in help as markup, so `[xmin, ymin]` would not be shown: each text is escaped here,
    once, so that commands and settings can write plain text. Call it once for a tree of commands.
    """
    root.commands = {name: root.commands[name] for name in panels}  # typer lists groups last
    for name, command in root.commands.items():
        command.rich_help_panel = panels[name]  # type: ignore[attr-defined]
    for command in _below(root):
        command.help = _literal(_flowing(command.help))
        command.epilog = _literal(command.epilog)
        context = typer.Context(command, help_option_names=list(HELP_NAMES))
        for parameter in command.get_params(context):
            _finish_parameter(parameter, context)


def _below(command: Any) -> Iterator[Any]:
    """A command and all commands below it."""
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from _below(child)


def _finish_parameter(parameter: Any, context: typer.Context) -> None:
    parameter.help = _literal(parameter.help)
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        parameter.metavar = ""  # typer writes `<bool>`, which reads as if a value had to follow
    elif isinstance(parameter, TyperOption) and parameter.metavar is None:
        named = parameter.display_type(context).strip("<>").removesuffix(" range")
        parameter.metavar = _TYPES.get(named.removeprefix("list[").removesuffix("]"), named.upper())
    elif isinstance(parameter, TyperArgument):
        parameter.display_type_rich = _no_type  # type: ignore[method-assign]


def _no_type(ctx: object) -> str:
    """The type column of an argument: its name says what it is."""
    return ""


def _flowing(text: str | None) -> str:
    """`text` with each paragraph in one line, so that it wraps where the page ends and not where the source does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n"))


def _literal(text: str | None) -> str | None:
    return escape(text) if text else text
