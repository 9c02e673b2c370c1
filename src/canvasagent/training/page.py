"""The page of a training: a curve of each figure, what looked wrong, and the rollouts that were kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from canvasagent.pages import render, write_page
from canvasagent.storage.files import whole_lines
from canvasagent.training.checkpoints import METRICS

PAGE = "training.html"
ROLLOUTS = "rollouts"
_FIRST = ("reward", "loss", "eval_loss", "reward/", "rollout/", "kl", "entropy", "completions/", "time/")
"""Beginnings of the names of figures, in the order in which they are drawn; others follow."""
_WIDTH, _HEIGHT = 300, 90


@dataclass(frozen=True)
class Curve:
    """A figure over the steps."""

    name: str
    points: str
    """Points of an SVG polyline in a box of 300 × 90."""
    first: str
    last: str
    low: str
    high: str
    steps: str


def read_metrics(out: Path) -> Iterator[dict[str, float]]:
    """The figures of each logged step; lines that cannot be read are left out."""
    for line in whole_lines(out / METRICS):
        try:
            figures = json.loads(line)
        except ValueError:
            continue
        if isinstance(figures, dict) and isinstance(figures.get("step"), int):
            yield figures


def curves(lines: Sequence[Mapping[str, float]]) -> list[Curve]:
    """A curve of every figure that was logged at least twice."""
    values: dict[str, dict[int, float]] = {}
    for figures in lines:
        for name, value in figures.items():
            if name not in ("step", "epoch") and isinstance(value, int | float):
                values.setdefault(name, {})[int(figures["step"])] = float(value)
    drawn = [_curve(name, sorted(points.items())) for name, points in values.items() if len(points) > 1]
    return sorted(drawn, key=lambda curve: (_place(curve.name), curve.name))


def _place(name: str) -> int:
    return next((place for place, start in enumerate(_FIRST) if name == start or
                 (start.endswith("/") and name.startswith(start))), len(_FIRST))  # fmt: skip


def _curve(name: str, points: Sequence[tuple[int, float]]) -> Curve:
    steps = [step for step, _ in points]
    values = [value for _, value in points]
    low, high = min(values), max(values)
    wide, tall = max(1, steps[-1] - steps[0]), (high - low) or 1.0
    places = [
        (_WIDTH * (step - steps[0]) / wide, 5 + (_HEIGHT - 10) * (1 - (value - low) / tall)) for step, value in points
    ]
    return Curve(
        name,
        " ".join(f"{x:.1f},{y:.1f}" for x, y in places),
        first=f"{values[0]:.4g}",
        last=f"{values[-1]:.4g}",
        low=f"{low:.4g}",
        high=f"{high:.4g}",
        steps=f"{steps[0]} to {steps[-1]}",
    )


def kept_rollouts(out: Path) -> list[tuple[str, list[str]]]:
    """The kept rollouts of each step: the step's folder and the reports in it, relative to `out`."""
    steps = sorted(path for path in (out / ROLLOUTS).glob("step-*") if path.is_dir())
    found = [
        (step.name, [report.relative_to(out).as_posix() for report in sorted(step.glob("rollout-*/report.html"))])
        for step in steps
    ]
    return [one for one in found if one[1]]


def write_training_page(out: Path, title: str, warnings: Mapping[str, int]) -> Path:
    """Write the page from what is in the folder. Raises `StorageError`."""
    text = render(
        Path(__file__).with_name("training.html"),
        heading=title,
        curves=curves(list(read_metrics(out))),
        warnings=dict(warnings),
        rollouts=kept_rollouts(out),
    )
    write_page(out / PAGE, text)
    return out / PAGE
