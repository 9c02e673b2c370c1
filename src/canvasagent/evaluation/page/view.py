"""The data of the page for its template: table, plots, gallery."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from canvasagent.errors import CanvasAgentError
from canvasagent.evaluation.labels import caption, difference, figure, p_value, warnings
from canvasagent.evaluation.rows import FAILURES, Row
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.statistics import Estimate
from canvasagent.evaluation.tables import BESIDE, METRICS, TITLES, Slice, Tables
from canvasagent.evaluation.texts import BREAKDOWNS
from canvasagent.record.report.thumbnails import thumbnail
from canvasagent.record.trajectory import Trajectory

THUMB = 132
"""Longest side of a picture in the gallery, in pixels."""
EXAMPLES = 5
"""Example runs listed for each kind of failure."""


def view(folder: Path, setup: Setup, tables: Tables, rows: Sequence[Row]) -> dict[str, Any]:
    """Everything that the template needs."""
    policies = [line.policy for line in tables.policies]
    return {
        "title": f"{setup.bench}: {', '.join(policies)}",
        "caption": caption(setup),
        "warnings": warnings(setup),
        "policies": policies,
        "head": [TITLES[name] for name in (*METRICS, *BESIDE)],
        "lines": [_line(line) for line in tables.policies],
        "plots": [_plot(TITLES[name], [(line.policy, line.figures[name]) for line in tables.policies], name)
                  for name in (*METRICS, "all checks pass")],
        "compared": [
            {
                "first": one.first, "second": one.second, "metric": TITLES[one.metric],
                "difference": difference(one.difference, one.metric),
                "p": p_value(one.difference.p if one.difference else None),
                "corrected": p_value(one.corrected),
                "n": one.difference.n if one.difference else 0,
            }
            for one in tables.compared
        ],
        "failures": [_failure(name, what, tables, rows) for name, what in FAILURES.items()],
        "breakdowns": [
            part for by, title in BREAKDOWNS.items() if (part := _breakdown(by, title, tables.slices, policies))
        ],
        "gallery": _gallery(folder, rows, policies),
    }  # fmt: skip


def _line(line: Any) -> dict[str, Any]:
    cells = []
    for name in (*METRICS, *BESIDE):
        estimate = line.figures[name]
        mean, _, interval = figure(estimate, name).partition(" ")
        cells.append({"mean": mean, "interval": interval, "n": estimate.n if estimate is not None else 0})
    reasons = [f"{count} × {why}" for why, count in line.reasons.items()]
    return {"policy": line.policy, "runs": line.runs, "cells": cells, "unscored": line.unscored, "reasons": reasons}


def _plot(title: str, points: Sequence[tuple[str, Estimate | None]], name: str) -> dict[str, Any]:
    """Means and intervals on an axis from 0 to 1, or to the largest value; positions in percent of its width."""
    known = [estimate for _, estimate in points if estimate is not None]
    top = 1.0 if name not in ("length",) else max([estimate.high for estimate in known], default=1.0) * 1.05 or 1.0
    marks = []
    for policy, estimate in points:
        mark: dict[str, Any] = {"policy": policy, "text": figure(estimate, name), "known": estimate is not None}
        if estimate is not None:
            mark |= {
                "low": round(100 * estimate.low / top, 2),
                "mean": round(100 * estimate.mean / top, 2),
                "high": round(100 * estimate.high / top, 2),
            }
        marks.append(mark)
    return {"title": title, "top": f"{top:.3g}", "marks": marks}


def _failure(name: str, what: str, tables: Tables, rows: Sequence[Row]) -> dict[str, Any]:
    counts = []
    for line in tables.policies:
        runs = [row for row in rows if row.policy == line.policy and name in row.failures]
        examples = [{"task": row.task, "link": f"{row.folder}/report.html"} for row in runs[:EXAMPLES]]
        counts.append({"policy": line.policy, "count": len(runs), "runs": line.runs, "examples": examples})
    return {"name": name, "what": what, "counts": counts}


def _breakdown(by: str, title: str, slices: Sequence[Slice], policies: Sequence[str]) -> dict[str, Any] | None:
    values = list(dict.fromkeys(part.value for part in slices if part.by == by))
    if not values:
        return None
    rows = []
    for value in values:
        by_policy = {part.policy: part for part in slices if part.by == by and part.value == value}
        cells = [
            {
                "overall": figure(by_policy[name].overall),
                "n": getattr(by_policy[name].overall, "n", 0),
                "passed": figure(by_policy[name].passed, "all checks pass"),
            }
            for name in policies
        ]
        rows.append({"value": value, "cells": cells})
    return {"by": by, "title": title, "rows": rows}


def _gallery(folder: Path, rows: Sequence[Row], policies: Sequence[str]) -> list[dict[str, Any]]:
    """By task: the request, the inputs, and each policy's result with its scores."""
    tasks: dict[str, dict[str, Row]] = {}
    for row in rows:
        tasks.setdefault(row.task, {})[row.policy] = row
    shown = []
    for task, by_policy in sorted(tasks.items()):
        entry: dict[str, Any] = {"task": task, "instruction": "", "inputs": [], "results": []}
        for policy in policies:
            if policy not in by_policy:
                continue
            row = by_policy[policy]
            run = _load(folder / row.folder)
            if run is not None and not entry["instruction"]:
                entry["instruction"] = run.instruction
                entry["inputs"] = [thumbnail(run, f"img_{number}", THUMB) for number in range(1, run.inputs + 1)]
            entry["results"].append(_result(row, run))
        shown.append(entry)
    return shown


def _result(row: Row, run: Trajectory | None) -> dict[str, Any]:
    answer = run.answer.text if run is not None and run.answer is not None else None
    passed = "–" if row.checks is None else f"{sum(check.passed for check in row.checks)} of {len(row.checks)} checks"
    return {
        "policy": row.policy,
        "link": f"{row.folder}/report.html",
        "thumb": thumbnail(run, run.final, THUMB) if run is not None and run.final is not None else None,
        "answer": answer,
        "overall": "unscored" if row.overall is None else f"R {row.overall:.3f}",
        "passed": passed,
        "good": row.passed,
        "calls": row.length,
        "failures": ", ".join(row.failures),
        "problems": [f"{check.check}: {check.why}" for check in row.checks or () if not check.passed],
    }


def _load(path: Path) -> Trajectory | None:
    try:
        return Trajectory.load(path)
    except (CanvasAgentError, OSError, json.JSONDecodeError):
        return None
