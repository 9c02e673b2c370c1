"""Tables as Markdown and LaTeX. Every column has its n; missing values are a dash."""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.evaluation.labels import caption, difference, figure, p_value, warnings
from canvasagent.evaluation.rows import FAILURES
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.statistics import Estimate
from canvasagent.evaluation.tables import BESIDE, METRICS, TITLES, PolicySummary, Tables

BREAKDOWNS = {
    "R": "reasoning", "L": "length", "D": "tool diversity", "tool": "expected tool", "chain": "chain",
    "inputs": "input pictures",
}  # fmt: skip


def as_markdown(setup: Setup, tables: Tables, differences: Sequence[str] = ()) -> str:
    """The whole table with paired differences, failures and breakdowns.

    `differences`: why the results of several evaluations are not comparable; listed at the top.
    """
    lines = ["# Evaluation", "", caption(setup), "", *_note_lines(setup, differences), ""]
    lines += [
        *_main(tables.policies),
        "",
        "Means with 95 % bootstrap intervals; n in brackets where it is not that of the line.",
        "",
    ]
    unscored = [line for line in tables.policies if line.reasons]
    for line in unscored:
        reasons = "; ".join(f"{count} × {_cell(why)}" for why, count in line.reasons.items())
        lines.append(f"- Unscored runs of {line.policy}: {line.unscored} ({reasons})")
    if tables.compared:
        lines += ["", "## Paired differences", ""]
        lines += _table(
            ["first", "second", "metric", "first − second", "p", "p (Holm)", "n"],
            [
                [
                    one.first,
                    one.second,
                    TITLES[one.metric],
                    difference(one.difference, one.metric),
                    p_value(one.difference.p if one.difference else None),
                    p_value(one.corrected),
                    str(one.difference.n if one.difference else 0),
                ]
                for one in tables.compared
            ],
        )
        lines.append("")
        lines.append(
            "On the tasks that both have a value for; p of the two-sided sign-flip permutation test, and corrected for "
            "all pairs of a metric by Holm's method."
        )
    lines += ["", "## What went wrong", ""]
    lines += _table(
        ["", *(line.policy for line in tables.policies)],
        [[name, *(f"{line.failures[name]} of {line.runs}" for line in tables.policies)] for name in FAILURES],
    )
    lines += _breakdowns(tables)
    return "\n".join(lines) + "\n"


def _notes(setup: Setup, differences: Sequence[str]) -> list[str]:
    """Warnings that stand above the table."""
    return [*warnings(setup), *(f"Not to be compared: {text}." for text in differences)]


def _note_lines(setup: Setup, differences: Sequence[str]) -> list[str]:
    return [f"- **{text}**" for text in _notes(setup, differences)]


def _main(policies: Sequence[PolicySummary]) -> list[str]:
    every = [*METRICS, *BESIDE]
    rows = []
    for line in policies:
        cells = []
        for name in every:
            estimate = line.figures[name]
            note = f" (n {estimate.n})" if estimate is not None and estimate.n != line.runs else ""
            cells.append(figure(estimate, name) + note)
        rows.append([line.policy, str(line.runs), *cells, str(line.unscored)])
    return _table(["policy", "n", *(TITLES[name] for name in every), "unscored"], rows)


def _breakdowns(tables: Tables) -> list[str]:
    lines: list[str] = []
    policies = [line.policy for line in tables.policies]
    for by, title in BREAKDOWNS.items():
        values = list(dict.fromkeys(part.value for part in tables.slices if part.by == by))
        if not values:
            continue
        rows = []
        for value in values:
            by_policy = {part.policy: part for part in tables.slices if part.by == by and part.value == value}
            cells = [_with_n(by_policy[name].overall) for name in policies]
            rows.append([value, *cells])
        lines += ["", f"## Overall reward by {title}", "", *_table([by, *policies], rows)]
    return lines


def _with_n(estimate: Estimate | None) -> str:
    return f"{figure(estimate)} (n {estimate.n if estimate is not None else 0})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(_cell(cell) for cell in head) + " |",
        "|" + "|".join(" --- " for _ in head) + "|",
        *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows),
    ]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$",
}  # fmt: skip


def as_latex(setup: Setup, tables: Tables, differences: Sequence[str] = ()) -> str:
    """The main table for a paper (booktabs); `differences` as for `as_markdown`."""
    head = ["Policy", "$n$", *(TITLES[name] for name in METRICS), "Checks pass"]
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        f"  \\caption{{{escaped(' '.join([caption(setup), *_notes(setup, differences)]))}}}",
        f"  \\begin{{tabular}}{{lr{'c' * (len(head) - 2)}}}",
        "    \\toprule",
        "    " + " & ".join(head) + " \\\\",
        "    \\midrule",
    ]
    for line in tables.policies:
        cells = [escaped(line.policy), str(line.runs)]
        for name in [*METRICS, "all checks pass"]:
            estimate = line.figures[name]
            note = f" ($n={estimate.n}$)" if estimate is not None and estimate.n != line.runs else ""
            cells.append(escaped(figure(estimate, name)) + note)
        lines.append("    " + " & ".join(cells) + " \\\\")
    return "\n".join([*lines, "    \\bottomrule", "  \\end{tabular}", "\\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(char, char) for char in text)
