"""What the subcommands of `canvasagent train` share: settings from a file, the progress line, how they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from canvasagent.cli.common import CODES, Ending, out

if TYPE_CHECKING:
    from canvasagent.cli.progress import Bar
    from canvasagent.training.outcome import Trained


def file_settings(model: type[BaseModel], file: Path | None) -> dict[str, Any]:
    """The settings of a TOML file; none without one. Raises `InputError` for a file that cannot be used."""
    from canvasagent.errors import InputError
    from canvasagent.storage.input_files import read_toml

    if file is None:
        return {}
    settings = read_toml(file)
    if unknown := sorted(set(settings) - set(model.model_fields)):
        known = ", ".join(model.model_fields)
        raise InputError(f"'{file}' has settings that there are not: {', '.join(unknown)}. There are {known}.")
    return settings


def step_shower(bar: Bar, shown: Sequence[str]) -> Callable[[int, int, Mapping[str, Any]], None]:
    """Shows each step on the progress line, with the figures named `shown`."""

    def show(step: int, steps: int, figures: Mapping[str, Any]) -> None:
        note = ", ".join(f"{name.rpartition('/')[2]} {figures[name]:.3g}" for name in shown if name in figures)
        bar.show(step, steps, note=note)

    return show


def ended(trained: Trained, what: str, json: bool) -> Ending:
    """Print what a training came to; `what` it was trained on."""
    if not json:
        out().print(f"{trained.steps} steps on {trained.records} {what} · {trained.model}", markup=False)
        for text, step in trained.warnings.items():
            out().print(f"from step {step}: {text}", style="yellow", markup=False)
        if trained.left_out:
            count = len(trained.left_out)
            out().print(f"{count} {what} were left out: {trained.left_out[0]}", style="yellow", markup=False)
        if trained.stopped:
            out().print(f"stopped: {trained.stopped}; the same command goes on", style="red", markup=False)
        out().print(f"Report: {trained.out / 'training.html'}", markup=False)
    status = "unmet" if trained.stopped else "met"
    payload = {
        "status": status,
        "model": str(trained.model),
        "steps": trained.steps,
        what: trained.records,
        "left_out": list(trained.left_out),
        "stopped": trained.stopped,
        "warnings": trained.warnings,
    }
    return Ending(CODES[status], payload)
