"""Agreement of the checks on things with the labelled photographs, measured by the second detector.

Usage: python benchmarks/photograph_checks.py        (after: canvasagent models pull photo-checks)

Labels are those of `tests/data/photographs`, made by looking. Of each picture: every kind that is labelled is present
and not absent, of its number and not of one more, and where its middles are (left, right) and are not; two kinds that
are labelled elsewhere only are absent and not present. What a check has no means to tell is counted apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from device import device, write_results
from photograph_set import labels, picture
from photographs import box_of, kind_of

from canvasagent.rewards.checks import Result, hold

LIMIT = 40
"""Middles within so many thousandths of the picture's middle are on neither side."""


def statements(label: dict[str, Any], kinds: list[str], number: int) -> Iterator[tuple[dict[str, Any], bool]]:
    """Statements on a photograph, and whether they hold."""
    named = [(kind_of(item["name"]), box_of(item["box"], (1000, 1000))) for item in label["objects"]]
    middles: dict[str, list[float]] = defaultdict(list)
    for kind, box in named:
        if kind is not None:
            middles[kind].append((box[0] + box[2]) / 2)
    elsewhere = [kind for kind in kinds if kind not in middles]
    for kind in [*middles, *(elsewhere[(7 * number + step) % len(elsewhere)] for step in (0, 11))]:
        yield {"check": "object_present", "object": kind}, kind in middles
        yield {"check": "object_absent", "object": kind}, kind not in middles
    for kind, across in middles.items():
        if len(across) < 12:
            yield {"check": "object_count", "object": kind, "count": len(across)}, True
            yield {"check": "object_count", "object": kind, "count": len(across) + 1}, False
        if all(abs(x - 500) > LIMIT for x in across):
            for where, holds in (("left", min(across) < 500), ("right", max(across) > 500)):
                yield {"check": "object_place", "object": kind, "where": where}, holds


def main() -> None:
    """Measure and write `results/photograph_checks.json`."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("agree", "disagree", "not measured"), 0))
    disagreements = []
    kinds = sorted({kind for label in labels() for item in label["objects"] if (kind := kind_of(item["name"]))})
    for number, label in enumerate(labels()):
        result = Result(picture(label))
        for statement, holds in statements(label, kinds, number):
            finding = hold(statement, result).finding
            said = "not measured" if not finding.measured else "agree" if finding.passed == holds else "disagree"
            counts[f"{statement['check']}, {'holds' if holds else 'does not hold'}"][said] += 1
            if said == "disagree":
                disagreements.append({"file": label["file"], **statement, "holds": holds, "why": finding.why})
    figures = {"pictures": len(labels()), "statements": dict(sorted(counts.items())), "disagreements": disagreements}
    write_results("photograph_checks", {"command": "python benchmarks/photograph_checks.py", **device(), **figures})


if __name__ == "__main__":
    main()
