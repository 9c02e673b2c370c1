"""Draw the pictures of CanvasBench-250 and freeze it: what was done once, before any policy was tuned on it.

    python recipes/canvasbench.py draw [ID]...    pictures that are missing; those of the named tasks anew
    python recipes/canvasbench.py golds FILE      carry out (lite) the gold plans that FILE has no result of
    python recipes/canvasbench.py freeze FILE [--why ID=REASON]...

Tasks are written in `src/canvasagent/craft/bench/tasks/*.txt`. FILE has a line for each gold run, by the checksum of
its task, so that only what was changed is run again; all of them take 10 minutes of one core. Freezing writes
checksums, and the tasks whose gold run does not pass, to `frozen.json`. It refuses:

- marginals other than the asked ones (`craft/bench/marginals.py`), or a gold plan of fewer than two calls;
- instructions or pictures that are the same, or nearly (within the benchmark, and instructions of the test data);
- a picture that is not what its description draws;
- checks that a task's untouched pictures pass;
- fewer than 95 % of the gold runs with all checks passed.

`canvasagent craft bench` shows the marginals and runs gold plans without writing anything.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from canvasagent.canvas import pixel_hash
from canvasagent.cli.crafts.bench import ENOUGH
from canvasagent.craft.bench import BenchTask, checksum, load_bench, picture, read_tasks
from canvasagent.craft.bench.data import drawn, entries
from canvasagent.craft.bench.marginals import TASKS, astray
from canvasagent.craft.bench.runs import run_golds
from canvasagent.craft.sources.duplicates import fingerprint, is_near
from canvasagent.errors import InputError
from canvasagent.rewards.checks import Result, hold

BENCH = Path(__file__).parent.parent / "src/canvasagent/craft/bench"
REQUESTS = Path(__file__).parent.parent / "tests/data"
ALIKE = 0.6
"""Share of runs of four words that two instructions may not have in common."""


def draw(ids: Sequence[str]) -> None:
    """Draw what is missing, or the pictures of the named tasks."""
    for entry in entries():
        for number, words in enumerate(entry.pics, 1):
            file = BENCH / "pictures" / f"{entry.id}_{number}.webp"
            if entry.id in ids or (not ids and not file.exists()):
                try:
                    image = drawn(words, file.stem).convert("RGB")
                except (InputError, ValueError) as error:
                    print(f"{file.stem}: {error}")
                    continue
                image.save(file, "WEBP", lossless=True, quality=80, method=4)
                print(f"{file.stem}: {words}")


def golds(file: Path) -> dict[str, list[str]]:
    """What went wrong in each task's gold run, by id; those that `file` has no result of are carried out first."""
    tasks, unread = read_tasks()
    if unread:
        raise InputError(unread[0])
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    known = {row["sum"]: row["problems"] for row in rows}
    for gold in run_golds([task for task in tasks if checksum(task) not in known]):
        row = {"sum": checksum(gold.task), "id": gold.task.id, "problems": list(gold.problems)}
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(row, ensure_ascii=False) + "\n")
        known[row["sum"]] = row["problems"]
        print(f"{gold.task.id}: {'; '.join(gold.problems) or 'passes'}", flush=True)
    return {task.id: known[checksum(task)] for task in tasks}


def freeze(file: Path, reasons: dict[str, str]) -> int:
    """Write `frozen.json`, or say what stands in the way."""
    tasks, unread = read_tasks()
    wrong = [*unread, *faults(tasks)]
    if wrong:
        print("\n".join(wrong))
        return 3
    failing = {name: reasons.get(name) or "; ".join(problems) for name, problems in golds(file).items() if problems}
    if len(failing) > (1 - ENOUGH) * len(tasks):
        print(f"{len(failing)} of {len(tasks)} gold runs do not pass: nothing is frozen")
        return 3
    told = {"frozen": True, "failing": failing, "checksums": {task.id: checksum(task) for task in tasks}}
    (BENCH / "frozen.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"frozen: version {load_bench().version}, {len(tasks) - len(failing)} of {len(tasks)} gold runs pass")
    return 0


def faults(tasks: Sequence[BenchTask]) -> list[str]:
    """Everything but the gold runs that speaks against freezing."""
    count = [] if len(tasks) == TASKS else [f"{len(tasks)} tasks instead of {TASKS}"]
    short = [f"{task.id}: a gold plan of one call" for task in tasks if len(task.plan.path()) < 2]
    return [*count, *short, *astray(tasks), *_alike(tasks), *_same_pictures(tasks), *_redrawn(), *_idle(tasks)]


def _alike(tasks: Sequence[BenchTask]) -> Iterator[str]:
    """Instructions that are much like another one."""
    ours = [(task.id, _runs(task.instruction)) for task in tasks]
    theirs = [
        (f"{file.name} {row['id']}", _runs(row["request"]))
        for file in sorted(REQUESTS.glob("instructions*.jsonl"))
        for row in map(json.loads, file.read_text("utf-8").splitlines())
    ]
    for (name, words), (other, known) in [*combinations(ours, 2), *((one, two) for one in ours for two in theirs)]:
        if len(words & known) >= ALIKE * min(len(words), len(known)):
            yield f"{name} and {other} are worded alike"


def _runs(text: str) -> set[tuple[str, ...]]:
    """Runs of four words; all words at once of what is shorter."""
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3))}


def _same_pictures(tasks: Sequence[BenchTask]) -> Iterator[str]:
    hashes = [
        (item.key, fingerprint(image))
        for task in tasks
        for item, image in zip(task.plan.pictures, task.pictures(), strict=True)
    ]
    for (name, one), (other, two) in combinations(hashes, 2):
        if is_near(one, two):
            yield f"pictures {name} and {other} are nearly the same"


def _redrawn() -> Iterator[str]:
    for entry in entries():
        for number, words in enumerate(entry.pics, 1):
            key = f"{entry.id}_{number}"
            if pixel_hash(drawn(words, key).convert("RGB")) != pixel_hash(picture(key)):
                yield f"picture {key} is not what its description draws: draw {entry.id} again"


def _idle(tasks: Sequence[BenchTask]) -> Iterator[str]:
    """Tasks that one passes by handing an input back."""
    for task in tasks:
        pictures = task.pictures()
        for number, untouched in enumerate(pictures, 1):
            result = Result(final=untouched, inputs=pictures, answer=None)
            if all(hold(check, result).finding.passed for check in task.checks):
                yield f"{task.id}: input {number}, untouched, passes all checks"


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("draw").add_argument("ids", nargs="*", metavar="ID")
    verbs.add_parser("golds").add_argument("file", type=Path, metavar="FILE")
    final = verbs.add_parser("freeze")
    final.add_argument("file", type=Path, metavar="FILE")
    final.add_argument("--why", action="append", default=[], metavar="ID=REASON")
    asked = parser.parse_args()
    if asked.verb == "draw":
        draw(asked.ids)
    elif asked.verb == "golds":
        return 3 if any(golds(asked.file).values()) else 0
    else:
        return freeze(asked.file, dict(text.split("=", 1) for text in asked.why))
    return 0


if __name__ == "__main__":
    sys.exit(main())
