"""What a shell's completion offers for values: names of policies, profiles, runs and the like, by their beginning.

Each function is called while somebody waits for the Tab key: it imports little, reads no records, raises nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from canvasagent.cli.terminal import harmless

VARIABLE = "_CANVASAGENT_COMPLETE"
"""Set by the shell's script when it asks for completions."""
_LINES = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""Where the scripts of bash, and of other shells, put the line that is being typed."""
MOST_RUNS = 50
"""Runs that are offered: the newest ones."""

Complete = Callable[[str], list[str]]


def typed_words() -> list[str] | None:
    """The words after `canvasagent` of the line that is being completed; None where none is."""
    if VARIABLE not in os.environ:
        return None
    line = next((os.environ[name] for name in _LINES if name in os.environ), "")
    return line.split()[1:]


def one_of(*names: str) -> Complete:
    """Offers fixed names."""
    return lambda incomplete: _beginning(incomplete, names)


def policies(incomplete: str) -> list[str]:
    """Names of policies."""
    from canvasagent.policies import policy_names

    return _beginning(incomplete, policy_names())


def policies_and_gold(incomplete: str) -> list[str]:
    """Names of policies, and of those that only an evaluation has."""
    from canvasagent.evaluation.policies import GOLD
    from canvasagent.policies import policy_names

    return _beginning(incomplete, [GOLD, *policy_names()])


def profiles(incomplete: str) -> list[str]:
    """Names of the built-in profiles; the shell itself offers files where none begins so."""
    from canvasagent.backends import profile_names

    return _beginning(incomplete, profile_names())


def formats(incomplete: str) -> list[str]:
    """Names of export formats."""
    from canvasagent.craft.exports import format_names

    return _beginning(incomplete, format_names())


def judges(incomplete: str) -> list[str]:
    """Names of judges, and `none`."""
    from canvasagent.rewards.judges import judge_names

    return _beginning(incomplete, [*judge_names(), "none"])


def presets(incomplete: str) -> list[str]:
    """Names of the reward's presets."""
    from canvasagent.rewards.config import PRESETS

    return _beginning(incomplete, PRESETS)


def run_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """`last`, and the newest runs below `--runs-dir`."""
    from canvasagent.cli.run_list import LAST, RUNS_DIR, name_of, run_folders
    from canvasagent.errors import InputError

    runs_dir = Path(ctx.params.get("runs_dir") or RUNS_DIR)
    names = [LAST]
    with contextlib.suppress(InputError):
        names += [name_of(folder, runs_dir) for folder in run_folders(runs_dir)]
    return _beginning(incomplete, names)[:MOST_RUNS]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and harmless(name) == name]
