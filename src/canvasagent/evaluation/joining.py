"""Several evaluations in one table, if they are comparable, or else with their differences named in the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from canvasagent.errors import InputError
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Setup, read_rows, read_setup


@dataclass(frozen=True)
class Joined:
    """Rows of several evaluations."""

    setup: Setup
    """The setup of the first."""
    rows: tuple[Row, ...]
    policies: tuple[str, ...]
    differences: tuple[str, ...]
    """Differences of the setups; empty if all are comparable."""


def join(folders: Sequence[Path], allow: bool = False) -> Joined:
    """The rows of `folders`. A policy that occurs in two of them is named with its folder.

    Raises `InputError` for a folder without results, and where judge, preset, benchmark or profile differ, unless
    `allow`: then the table names the differences.
    """
    setups = [read_setup(folder) for folder in folders]
    problems: list[str] = []
    for folder, setup in zip(folders[1:], setups[1:], strict=True):
        problems += [f"{folder} against {folders[0]}: {text}" for text in setup.differs(setups[0])]
    if problems and not allow:
        raise InputError(
            "these results must not stand in one table: " + "; ".join(problems) + ". Evaluate them alike, or give "
            "--allow-differences to print them with what differs."
        )
    rows, policies = [], []
    names = [{row.policy for row in read_rows(folder)} for folder in folders]
    for index, folder in enumerate(folders):
        part = read_rows(folder)
        if not part:
            raise InputError(f"'{folder}' holds no results yet.")
        shared = {name for name in names[index] if sum(name in other for other in names) > 1}
        label = folder.resolve().name
        for row in part:
            name = f"{row.policy} ({label})" if row.policy in shared else row.policy
            moved = row.model_copy(update={"policy": name, "folder": str((folder / row.folder).resolve())})
            rows.append(moved)
            if name not in policies:
                policies.append(name)
    return Joined(setups[0], tuple(rows), tuple(policies), tuple(problems))
