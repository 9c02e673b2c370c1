"""Shared by the commands: exit codes, JSON on standard output, error messages, run folders."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from canvasagent.cli.completion import run_names
from canvasagent.cli.run_list import LAST, run_folders
from canvasagent.cli.terminal import console
from canvasagent.imaging.geometry import MAX_PIXELS, MOST_PIXELS

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.record.trajectory import Trajectory

OWN_FAULT, USAGE, DRIFTED, FAILED, STOPPED = 1, 2, 3, 5, 130
GOES_ON = "stopped; what is done is kept, and the same command goes on with the rest."
"""The message of a stopped command that resumes if it is repeated."""
CODES = {"met": 0, "unmet": 3, "truncated": 4, "failed": FAILED}
"""Exit codes by status of a run."""

_LOGGER = logging.getLogger("canvasagent")
P = ParamSpec("P")


@dataclass(frozen=True)
class Ending:
    """The end of a command: exit code and JSON output."""

    code: int = 0
    payload: Any = None
    """What `--json` prints; None where there is nothing to print."""
    at_once: bool = False
    """Leave without waiting for tools that still compute."""


def failure(error: str, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The object that `--json` prints for an error; `known` are the known facts about the run."""
    empty: dict[str, Any] = {
        "status": "failed",
        "final": None,
        "final_asset": None,
        "answer": None,
        "turns": 0,
        "tool_calls": [],
    }
    return {**empty, "run_dir": None, "unmet": [], **(known or {}), "status": "failed", "error": error}


def stopped(words: str, known: Mapping[str, Any] | None = None) -> Ending:
    """Print that the command was stopped by a signal. Returns its ending, which waits for no tool."""
    from rich.text import Text

    err().print(Text(words, "bold yellow"))
    return Ending(STOPPED, failure(words, known), at_once=True)


def resumable(command: Callable[P, Ending]) -> Callable[P, Ending]:
    """`command`, with a message that repeating it resumes, if it is stopped."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> Ending:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            return stopped(GOES_ON)

    return run


def exit_code(error: Exception) -> int:
    """The exit code for an error, which tells whose fault it is."""
    from canvasagent.errors import CanvasAgentError, InputError, MissingExtra, ToolRefusal

    if isinstance(error, InputError | MissingExtra):
        return USAGE
    if isinstance(error, ToolRefusal):
        return CODES["unmet"]
    return FAILED if isinstance(error, CanvasAgentError) else OWN_FAULT


@contextlib.contextmanager
def stdout_for_json(wanted: bool) -> Iterator[None]:
    """Send all that is printed inside, by whomever (native code and child processes too), to standard error."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)


def out() -> Console:
    """The console of results: standard output. Never wraps or colours what is piped into another program.

    Strings are printed as they are: square brackets and `:names:` in paths and names are no markup.
    """
    return console(soft_wrap=True)


def err() -> Console:
    """The console of everything else: standard error. Strings are printed as they are, as by `out`."""
    return console(stderr=True, soft_wrap=not sys.stderr.isatty())


def print_error(message: str, advice: str = "") -> None:
    """Print an error in one line, with advice."""
    from rich.text import Text

    text = Text.assemble(("Error: ", "bold red"), message, (f" {advice}" if advice else "", "dim"))
    err().print(text)


def quiet_logging() -> None:
    """Turn log lines off: what matters to the user is in the record and is shown from there."""
    for handler in list(_LOGGER.handlers):
        _LOGGER.removeHandler(handler)
    _LOGGER.addHandler(logging.NullHandler())
    _LOGGER.setLevel(logging.NOTSET)
    _LOGGER.propagate = True


def is_verbose() -> bool:
    """Whether `--verbose` was given."""
    return _LOGGER.level == logging.DEBUG


def verbose_option() -> Any:
    """The option `-v`, which shows the log on standard error."""

    def switch(verbose: bool) -> bool:
        if verbose and not is_verbose():
            from rich.logging import RichHandler

            _LOGGER.addHandler(RichHandler(console=err(), show_path=False, rich_tracebacks=False))
            _LOGGER.setLevel(logging.DEBUG)
            _LOGGER.propagate = False
        return verbose

    return typer.Option("--verbose", "-v", callback=switch, help="Show the log, and tracebacks of errors.")


def json_option(what: str = "Print one JSON object on standard output, and nothing else there.") -> Any:
    """The option `--json`."""
    return typer.Option("--json", help=what)


def runs_dir_option() -> Any:
    """The option `--runs-dir`."""
    return typer.Option("--runs-dir", help="Folder of the runs' folders.", metavar="DIR")


def max_pixels_option() -> Any:
    """The option `--max-pixels`, for a value of `MAX_PIXELS` where it is not given."""
    text = f"Most pixels of a picture. Default: {MAX_PIXELS:,}."
    return typer.Option("--max-pixels", min=1, max=MOST_PIXELS, help=text, metavar="N", show_default=False)


def run_argument(several: bool = False) -> Any:
    """The argument that names a run, or runs."""
    text = (
        f"Runs' folders, or their ids; `{LAST}`: the newest."
        if several
        else f"A run's folder, or its id; `{LAST}`: the newest."
    )
    return typer.Argument(help=text, metavar="RUN", show_default=False, autocompletion=run_names)


def trust_option() -> Any:
    """The option `--trust-record`."""
    return typer.Option(
        "--trust-record",
        help="Accept addresses, classes and settings that only the record names. Your keys are not sent to them.",
    )


def find_run(name: str, runs_dir: Path) -> Path:
    """The folder of a run given as a path or as an id below `runs_dir`, or of the one last worked on there (`last`).

    Raises `InputError` where there is none.
    """
    from canvasagent.errors import InputError
    from canvasagent.storage import run_files
    from canvasagent.storage.names import path_problem

    if name == LAST:
        if folders := run_folders(runs_dir):
            return folders[0]
        raise InputError(f"there is no run below '{runs_dir}' yet.")
    path_name = Path(name)
    by_id = [runs_dir / name] if path_problem(name) is None else []
    for path in (path_name.parent if path_name.is_file() else path_name, *by_id):
        if (path / run_files.RECORD_NAME).is_file():
            return path
    raise InputError(
        f"there is no run '{name}', neither as a folder nor below '{runs_dir}'; canvasagent runs lists them."
    )


def with_run_folder(policy: str | None, runs_dir: Path) -> str | None:
    """`replay:RUN` with the run's folder in place of an id or `last`; any other policy as it is."""
    from canvasagent.errors import InputError

    name, _, run = (policy or "").partition(":")
    if name != "replay" or not run or Path(run).exists():
        return policy
    try:
        return f"{name}:{find_run(run, runs_dir)}"
    except InputError:
        return policy  # the policy says what it can read


def load_run(name: str, runs_dir: Path) -> Trajectory:
    """The record of a run. Raises `InputError` where there is none or it is damaged."""
    from canvasagent.errors import InputError, StorageError
    from canvasagent.record.trajectory import Trajectory

    try:
        return Trajectory.load(find_run(name, runs_dir))
    except StorageError as error:
        raise InputError(str(error)) from error


def final_path(record: Trajectory) -> Path | None:
    """The path of the result in the run's folder; None without a result."""
    from canvasagent.record.trajectory import asset_path

    if record.folder is None or record.final is None:
        return None
    path = asset_path(record.folder, record.final)
    return path if path.is_file() else None


def report_path(record: Trajectory) -> Path | None:
    """The run's report, written anew where it is missing or older than the record; None where it cannot be."""
    from canvasagent.errors import StorageError
    from canvasagent.record.report import REPORT_NAME, write_report
    from canvasagent.record.trajectory import RECORD_NAME

    if record.folder is None:
        return None
    report, written = record.folder / REPORT_NAME, record.folder / RECORD_NAME
    try:
        if not report.is_file() or report.stat().st_mtime_ns < written.stat().st_mtime_ns:
            write_report(record, report)
    except (OSError, StorageError) as error:
        _LOGGER.warning("the report could not be written: %s", error)
        return None
    return report


def summary_of(record: Trajectory, saved: Path | None = None) -> dict[str, Any]:
    """The object that `--json` prints for a run; `saved` is where its result was written to."""
    final = saved or final_path(record)
    summary = record.summary()
    tail = {"run_dir": str(record.folder) if record.folder else None, "unmet": summary.pop("unmet")}
    summarised = {"status": summary.pop("status"), "final": str(final) if final else None, **summary, **tail}
    if record.why:
        summarised["error" if record.status == "failed" else "why"] = record.why
    return summarised
