"""Captions and warnings of a table, and figures as text."""

from __future__ import annotations

from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.statistics import Difference, Estimate
from canvasagent.evaluation.tables import METRICS, PolicySummary

STAND_IN = (
    "Judged by the local judge: rules and measures, no model. Its scores are not comparable with those of the paper "
    "or of any endpoint judge."
)


def caption(setup: Setup) -> str:
    """One line that names benchmark, judge, preset, profile, seed, version and date."""
    part = f", {setup.limit} of its tasks" if setup.limit is not None and setup.limit < setup.tasks else ""
    prompts = f" with prompts of its own ({setup.judge_prompts})" if setup.judge_prompts is not None else ""
    return (
        f"{setup.bench} ({setup.bench_version}; {setup.tasks} tasks{part}), profile {setup.profile}, "
        f"judge {setup.judge}{prompts}, preset {setup.preset}, seed {setup.seed}, canvasagent {setup.canvasagent}, "
        f"{setup.date}."
    )


def warnings(setup: Setup) -> list[str]:
    """What a reader must know before comparing the figures with others."""
    lines = []
    if setup.judge in ("local", "local-2"):
        lines.append(STAND_IN)
    if setup.judge == "none":
        lines.append("Nothing was judged: only what rules and checks say is there.")
    if setup.profile == "lite":
        lines.append("Profile lite: tools without model weights, on drawn pictures.")
    return lines


def figure(estimate: Estimate | None, metric: str = "") -> str:
    """`0.812 [0.790, 0.833]`; lengths with two decimals, shares in percent."""
    if estimate is None:
        return "–"
    if metric == "all checks pass":
        return f"{estimate.mean:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
    digits = 2 if metric in ("length", "expected tools", "gold steps") else 3
    return f"{estimate.mean:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def difference(value: Difference | None, metric: str) -> str:
    """`+0.120 [+0.090, +0.151]`."""
    if value is None:
        return "–"
    if metric == "all checks pass":
        return f"{value.mean:+.1%} [{value.low:+.1%}, {value.high:+.1%}]"
    return f"{value.mean:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"


def p_value(p: float | None) -> str:
    """`0.031`, or `< 0.001`."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def counts(line: PolicySummary) -> str:
    """The n of the columns: one number where all metrics have the same."""
    numbers = {estimate.n if estimate is not None else 0 for name, estimate in line.figures.items() if name in METRICS}
    return str(numbers.pop()) if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"
