"""Agreement of the checks with pictures labelled by looking, and how long a check takes on a 512 × 512 picture.

    python benchmarks/checks.py [--labels tests/data/checks] [--rounds 3]

Prints a table and every disagreement, and writes `benchmarks/results/checks.json`. What a check says it has no means
to tell is counted apart; agreement, precision and recall (of "holds") are of what was measured. Times are the
processor's, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device import device, write_results
from PIL import Image

from canvasagent.imaging import photograph
from canvasagent.rewards.checks import Result, all_checks, hold
from canvasagent.rewards.checks import _reading as reading
from canvasagent.rewards.checks import _things as things

SIDE = 512


def labelled(folder: Path) -> Iterator[tuple[dict[str, Any], Result]]:
    """Each line of the labels with its pictures."""
    for line in (folder / "labels.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        inputs = tuple(picture(folder / name) for name in row["inputs"])
        yield row, Result(picture(folder / row["file"]), inputs, row.get("answer"))


def picture(path: Path) -> Image.Image:
    """A file's picture, decoded."""
    with Image.open(path) as opened:
        return opened.convert("RGBA" if "A" in opened.getbands() else "RGB")


def agreement(folder: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Figures by kind of check, and the pictures where check and eye disagree, or the check has no means to tell."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"tp": 0, "tn": 0, "fp": 0, "fn": 0, "not_measured": 0})
    disagreements = []
    for row, result in labelled(folder):
        finding = hold({"check": row["check"], **row["parameters"]}, result).finding
        cell = ("t" if finding.passed == row["holds"] else "f") + ("p" if finding.passed else "n")
        cell = cell if finding.measured else "not_measured"
        for kind in (row["check"], "all"):
            counts[kind][cell] += 1
        if cell[0] != "t":
            found = finding.passed if finding.measured else None
            disagreements.append({**row, "found": found, "why": finding.why})
    return {kind: _figures(count) for kind, count in sorted(counts.items())}, disagreements


def _figures(count: dict[str, int]) -> dict[str, Any]:
    n, measured = sum(count.values()), sum(count.values()) - count["not_measured"]
    said, true = count["tp"] + count["fp"], count["tp"] + count["fn"]
    return {
        "n": n,
        "agreement": (count["tp"] + count["tn"]) / measured if measured else None,
        "precision": count["tp"] / said if said else None,
        "recall": count["tp"] / true if true else None,
        **count,
    }


def timings(rounds: int) -> dict[str, float]:
    """Median milliseconds of each check on its own first example, pictures brought to 512 × 512, nothing cached."""
    found = {}
    for name, check in all_checks().items():
        example = next(item for item in check.examples(1) if item.holds)
        final, inputs = example.result.final, example.result.inputs
        size = (SIDE, SIDE)
        result = Result(
            final and final.resize(size), tuple(item.resize(size) for item in inputs), example.result.answer
        )
        parameters = check.parameters.model_validate(example.parameters)
        taken = []
        for _ in range(rounds + 1):
            things._places.cache_clear()
            things._candidates.cache_clear()
            reading._lines.cache_clear()
            photograph._likeness.cache_clear()
            start = time.process_time()
            check.measure(parameters, result)
            taken.append(1000 * (time.process_time() - start))
        found[name] = statistics.median(taken[1:])
    return found


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--labels", type=Path, default=Path("tests/data/checks"))
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    figures, disagreements = agreement(given.labels)
    taken = timings(given.rounds)
    print("| check | n | not measured | agreement | precision | recall | ms on 512² |\n|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys([*sorted(taken), "all"]):
        row = figures.get(kind, {})
        counted = [str(row[key]) for key in ("n", "not_measured")] if row else ["–"] * 2
        cells = [*counted, *(_share(row.get(key)) for key in ("agreement", "precision", "recall"))]
        print(f"| {kind} | {' | '.join(cells)} | {f'{taken[kind]:.1f}' if kind in taken else '–'} |")
    for item in disagreements:
        found = "not measured" if item["found"] is None else item["found"]
        print(f"{item['file']} {item['check']} {item['parameters']}: eye {item['holds']}, check {found}: {item['why']}")
    results = {"agreement": figures, "disagreements": disagreements, "milliseconds": taken, "device": device()}
    write_results("checks", results)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    main()
