"""The command line. Each command is a file of this folder, which is imported only when the command is used.

A command's function returns an `Ending`: its exit code and, for `--json`, the one object that goes to standard
output. All other output goes to standard error, so that the result can be piped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from canvasagent.cli.common import (
    OWN_FAULT,
    STOPPED,
    USAGE,
    Ending,
    err,
    exit_code,
    failure,
    is_verbose,
    print_error,
    quiet_logging,
    stdout_for_json,
    stopped,
    verbose_option,
)
from canvasagent.cli.completion import typed_words
from canvasagent.cli.help_pages import HELP_NAMES, finish
from canvasagent.cli.stops import stop_signals
from canvasagent.cli.terminal import any_encoding, harmless_json
from canvasagent.plugins import using_plugin_files

PLUGIN_OPTION = "--plugin"

COMMANDS = {
    "Make pictures": {
        "run": "Run a request on pictures, or a file of requests.",
        "runs": "List the runs, newest first.",
        "show": "Show a run: request, turns, result.",
        "replay": "Repeat a recorded run and list the differences.",
        "tools": "List the tools with their arguments and results.",
        "tool": "Use a single tool.",
    },
    "Build data": {
        "craft": "Build data: trajectories, tasks, the benchmark.",
    },
    "Training": {
        "train": "Train policies: on trajectories, then by reward with real tools.",
    },
    "Reward and evaluation": {
        "score": "Score runs by the paper's reward, with the reasons.",
        "reward": "Audit the reward for exploits.",
        "eval": "Compare policies on a benchmark.",
        "table": "Print the results of several evaluations in one table.",
        "judge": "Check a judge: its consistency, and its agreement with others.",
        "study": "Let people rate results, and report their ratings.",
    },
    "Serving and set-up": {
        "serve": "Serve the tools over HTTP for agents on this and other machines.",
        "mcp": "Serve the tools and the agent to assistants and editors (MCP).",
        "profile": "Write a profile (the backend of each tool); plan the devices of its models.",
        "models": "List, download and verify the weights of the profile full.",
        "doctor": "Check what can run on this machine, and how to make the rest run.",
    },
}
"""By panel of `canvasagent --help`: each command with its summary."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Nothing raises but a `KeyboardInterrupt` during the exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    quiet_logging()
    with any_encoding(), stdout_for_json(as_json), stop_signals() as stops:
        ending = _execute(words)
    if as_json and ending.payload is not None:
        print(harmless_json(ending.payload, sys.stdout.encoding or "utf-8"), flush=True)  # noqa: T201
    code = stops.code if ending.code == STOPPED else ending.code
    if ending.at_once and arguments is None:
        _leave(code)
    return code


def command_line(arguments: Sequence[str], *, every: bool = False) -> TyperGroup:
    """The commands, with the options of the one that `arguments` use, or of all of them (`every`)."""
    app = typer.Typer(
        name="canvasagent",
        help="Make and edit complex pictures by asking for them in words.",
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": list(HELP_NAMES)},
        epilog="Keys are read from the environment: CANVASAGENT_API_KEY or OPENAI_API_KEY, never from an option.",
    )
    app.callback()(_global_options)
    used = _leading(arguments)[1]
    panels = {name: panel for panel, commands in COMMANDS.items() for name in commands}
    for name, panel in panels.items():
        summary = COMMANDS[panel][name]
        if every or name == used:
            import_module(f"canvasagent.cli.{name}").register(app, summary)
        else:
            app.command(name, help=summary)(_not_loaded)
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    finish(root, panels)
    return root


def _leading(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The files of `--plugin` before the command, and the command."""
    files, words = list[str](), iter(arguments)
    for word in words:
        if word == PLUGIN_OPTION:
            files += [path for path in [next(words, None)] if path is not None]
        elif word.startswith(f"{PLUGIN_OPTION}="):
            files.append(word.partition("=")[2])
        elif not word.startswith("-"):
            return files, word
    return files, None


def _not_loaded() -> None:
    """Placeholder for a command that these arguments do not use."""


def _show_version(requested: bool) -> None:
    if requested:
        from canvasagent.version import __version__

        typer.echo(f"canvasagent {__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            PLUGIN_OPTION,
            help="A Python file of yours with a TOOL, Backend, EDIT or CHECK, known to this command; may be repeated.",
            metavar="FILE.py",
        ),
    ] = None,
) -> None:
    """Options that come before the command. Plug-ins are imported earlier: commands are made of the tools."""


def _execute(arguments: Sequence[str]) -> Ending:
    """Run the command; every error becomes a one-line message and an exit code."""
    try:
        typed = typed_words()
        with using_plugin_files(_leading(arguments)[0] if typed is None else ()):
            root = command_line(arguments if typed is None else typed)
            result = root(list(arguments), "canvasagent", standalone_mode=False)
    except typer.TyperException as error:
        return _usage_error(error)
    except (typer.Abort, KeyboardInterrupt):
        return stopped("stopped.")
    except Exception as error:
        return _failed(error)
    if isinstance(result, Ending):
        return result
    if result == STOPPED:  # typer has caught a KeyboardInterrupt that the command did not
        return stopped("stopped.")
    return Ending(result if isinstance(result, int) else 0)


def _usage_error(error: typer.TyperException) -> Ending:
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    if not message:  # called without arguments: typer has printed the help
        return Ending(USAGE, failure("no command was given"))
    if message.startswith("No such option") and context is not None and context.command_path.endswith(" run"):
        message += " Put the request in quotes." if "-" not in message else ""
    print_error(message, f"See {context.command_path} --help." if context is not None else "")
    return Ending(USAGE, failure(message))


def _failed(error: Exception) -> Ending:
    code = exit_code(error)
    if is_verbose():
        err().print("".join(traceback.format_exception(error)))
    if code == OWN_FAULT:
        message = f"this is a fault in canvasagent: {type(error).__name__}: {error}"
        print_error(message, "" if is_verbose() else "Use canvasagent --verbose … for the traceback.")
    else:
        message = str(error)
        print_error(message)
    return Ending(code, failure(message))


def _leave(code: int) -> None:
    """End the process at once: a tool that still computes in a thread must not hold up who stopped it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
