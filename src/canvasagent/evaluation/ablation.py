"""Ablation tables in the form of the paper's Table 5: a full policy, and the difference of each variant to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.errors import InputError
from canvasagent.evaluation.labels import caption, p_value, warnings
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.statistics import estimate, paired_difference
from canvasagent.evaluation.tables import METRICS, TITLES
from canvasagent.storage.input_files import read_toml


class Published(BaseModel):
    """A row published by others. It is printed in the table, marked as theirs, and never used in a computation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str
    """Where it was published: `CanvasAgent paper, Table 5`."""
    judge: str
    """Who judged it there."""
    figures: dict[str, float] = Field(min_length=1)
    """By metric: overall, alignment, aesthetic, trajectory, rule, length."""


def read_published(path: Path) -> list[Published]:
    """Rows of a TOML file of `[[row]]` tables. Raises `InputError` that names what is wrong."""
    data = read_toml(path)
    try:
        rows = [Published(**row) for row in data.get("row", [])]
    except (ValidationError, TypeError) as error:
        raise InputError(
            f"'{path}' has a row that cannot be read; it takes name, source, judge, figures: {error}"
        ) from error
    if not rows:
        raise InputError(f"'{path}' has no [[row]] in it.")
    for row in rows:
        if unknown := sorted(set(row.figures) - set(METRICS)):
            raise InputError(
                f"'{path}', row '{row.name}': no metric {', '.join(unknown)}; there are {', '.join(METRICS)}."
            )
    return rows


def as_ablation(
    setup: Setup, rows: Sequence[Row], policies: Sequence[str], full: str, published: Sequence[Published] = ()
) -> str:
    """Markdown: each metric's mean, and in brackets the difference to `full` on the tasks of both.

    Raises `InputError` if `full` is not one of the policies.
    """
    if full not in policies:
        raise InputError(f"there is no policy '{full}' in these results; there are {', '.join(policies)}.")
    by = {name: {row.task: row for row in rows if row.policy == name} for name in policies}
    lines = [caption(setup), "", *(f"- **{text}**" for text in warnings(setup)), ""]
    lines += ["| policy | n | " + " | ".join(TITLES[name] for name in METRICS) + " | p (overall) |"]
    lines += ["| --- " * (len(METRICS) + 3) + "|"]
    for name in [full, *(other for other in policies if other != full)]:
        shared = [task for task in by[name] if task in by[full]]
        cells = []
        for value in METRICS.values():
            estimated = estimate([value(row) for row in by[name].values()], resamples=1)
            lost = paired_difference(
                [value(by[name][task]) for task in shared], [value(by[full][task]) for task in shared], resamples=1
            )
            mean = "–" if estimated is None else f"{estimated.mean:.3f}"
            cells.append(mean if name == full or lost is None else f"{mean} ({lost.mean:+.3f}, n {lost.n})")
        tested = paired_difference(
            [METRICS["overall"](by[name][task]) for task in shared],
            [METRICS["overall"](by[full][task]) for task in shared],
        )
        p = "" if name == full else p_value(tested.p if tested is not None else None)
        lines.append(f"| {name} | {len(by[name])} | " + " | ".join(cells) + f" | {p} |")
    for row in published:
        cells = [f"{row.figures[name]:.3f}" if name in row.figures else "–" for name in METRICS]
        lines.append(f"| {row.name} (published: {row.source}; judge {row.judge}) | – | " + " | ".join(cells) + " | – |")
    if published:
        lines += ["", "Published rows are copied from their source: other tools, tasks and judge; not to be compared."]
    return "\n".join(lines) + "\n"
