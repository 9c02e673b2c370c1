"""`canvasagent craft bench`: the composition of CanvasBench-250, its gold runs, its tasks and pictures as files."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import DRIFTED, Ending, err, json_option, out, verbose_option
from canvasagent.cli.progress import Bar

if TYPE_CHECKING:
    from canvasagent.craft.bench import Bench, BenchTask
    from canvasagent.craft.bench.marginals import MarginalRow

FAMILIES = 16
"""Most families in the list; `--json` has all."""
ENOUGH = 0.95
"""Share of gold runs that must pass all of their checks."""


def bench(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Only the tasks with these ids.", metavar="ID", show_default=False)
    ] = None,
    golds: Annotated[
        bool,
        typer.Option(
            "--golds", help="Run the gold plans again with the profile lite, and run the checks on their results."
        ),
    ] = False,
    mutants: Annotated[
        bool,
        typer.Option(
            "--mutants",
            help="Leave out or change each picture-changing step of the gold plans, and see whether a check fails.",
        ),
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the tasks (tasks.jsonl) and their pictures.", metavar="DIR"),
    ] = None,
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
) -> Ending:
    """Print the composition of CanvasBench-250; run its gold plans again; export its tasks."""
    from canvasagent.craft.bench.marginals import marginals

    if to is not None:
        from canvasagent.storage.folders import NEW_FOLDER, refuse_strangers

        refuse_strangers(to, NEW_FOLDER)
    loaded, unread = _opened()
    tasks = _chosen(loaded.tasks, ids or [])
    lines = marginals(tasks)
    if not json:
        _head(loaded, tasks, unread)
        if not ((golds or mutants) and ids):
            _print(lines, not ids)
    payload: dict[str, Any] = {
        "version": loaded.version,
        "frozen": loaded.frozen,
        "tasks": len(tasks),
        "unread": unread,
        "failing": loaded.failing,
        "marginals": [line.model_dump() for line in lines],
    }
    if to is not None:
        payload["written"] = _write(tasks, to)
    ending = _run(loaded, tasks, bool(ids)) if golds else {}
    if mutants:
        payload["mutants"] = _mutate(tasks)
    return Ending(ending.pop("code", 0), {**payload, **ending})


def _opened() -> tuple[Bench, list[str]]:
    """The benchmark, checked against its checksums; while it is not frozen, its readable tasks and the problems."""
    from canvasagent.craft.bench import load_bench, read_tasks

    loaded = load_bench(verify=None)
    return loaded, [] if loaded.frozen else read_tasks()[1]


def _chosen(tasks: Sequence[BenchTask], ids: list[str]) -> list[BenchTask]:
    from canvasagent.errors import InputError

    known = {task.id: task for task in tasks}
    if unknown := [name for name in ids if name not in known]:
        raise InputError(
            f"the benchmark has no task {', '.join(unknown)}; they are called {', '.join(list(known)[:3])} …"
        )
    return [known[name] for name in ids] if ids else list(tasks)


def _head(loaded: Bench, tasks: Sequence[BenchTask], unread: list[str]) -> None:
    state = f"version {loaded.version}, as it was frozen" if loaded.frozen else "not frozen yet"
    out().print(f"CanvasBench-250: {len(tasks)} of {len(loaded.tasks)} tasks, {state}")
    for complaint in unread:
        err().print(f"left out: {complaint}", style="yellow", markup=False)
    for name, why in loaded.failing.items():
        if any(task.id == name for task in tasks):
            out().print(f"{name}: its gold run fails. {why}", markup=False)


def _print(lines: Sequence[MarginalRow], whole: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", *(["asked"] if whole else []), "here")
    before = ""
    families = [line.name for line in lines if line.group == "family"]
    for line in lines:
        if line.name in families[FAMILIES:]:
            continue
        if before and line.group != before:
            table.add_section()
        requested = ["" if line.asked is None else str(line.asked)] if whole else []
        wrong = whole and line.asked not in (None, line.here)
        group = line.group if line.group != before else ""
        table.add_row(group, line.name, *requested, Text(str(line.here), "yellow" if wrong else ""))
        before = line.group
    out().print(table, soft_wrap=False)
    if len(families) > FAMILIES:
        out().print(f"and {len(families) - FAMILIES} more families", style="dim")


def _write(tasks: Sequence[BenchTask], folder: Path) -> str:
    """Tasks as lines of JSON, and input pictures as PNG."""
    from canvasagent.imaging.pictures import save_picture
    from canvasagent.storage.files import write_atomically
    from canvasagent.storage.names import path_below

    rows: list[dict[str, Any]] = []
    for task in tasks:
        files = [path_below(folder, "pictures", f"{item.key}.png", what="picture") for item in task.plan.pictures]
        for file, picture in zip(files, task.pictures(), strict=True):
            save_picture(picture, file)
        names = [file.relative_to(folder).as_posix() for file in files]
        rows.append(
            {
                "id": task.id,
                "instruction": task.instruction,
                "images": names,
                "expected_tools": list(task.expected_tools),
                "difficulty": task.difficulty,
                "max_turns": task.max_turns,
                "checks": list(task.checks),
                "plan": task.plan.model_dump(mode="json"),
                "tags": list(task.tags),
            }
        )
    text = "".join(json_.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(folder / "tasks.jsonl", text.encode("utf-8"))
    err().print(f"{len(rows)} tasks and {sum(len(task.plan.pictures) for task in tasks)} pictures are in {folder}")
    return str(folder)


def _run(loaded: Bench, tasks: Sequence[BenchTask], some: bool) -> dict[str, Any]:
    """Gold runs; each problem is printed as it occurs."""
    from canvasagent.craft.bench.runs import run_golds

    wrong: dict[str, list[str]] = {}
    console = err()
    with Bar("gold runs", len(tasks)) as bar:
        for number, gold in enumerate(run_golds(tasks), 1):
            bar.show(number, len(tasks))
            if gold.problems:
                wrong[gold.task.id] = list(gold.problems)
                console.print(f"{gold.task.id}: {'; '.join(gold.problems)}", markup=False)
    passed = len(tasks) - len(wrong)
    unlisted = sorted(name for name in wrong if name not in loaded.failing)
    console.print(f"{passed} of {len(tasks)} gold runs pass all of their checks")
    short = not some and passed < ENOUGH * len(tasks)
    code = DRIFTED if short or unlisted else 0
    return {"code": code, "passed": passed, "problems": wrong, "unlisted": unlisted}


def _mutate(tasks: Sequence[BenchTask]) -> dict[str, Any]:
    """Mutants of the gold plans; each one that passes all checks is printed as it occurs."""
    from canvasagent.craft.bench.runs import run_task_mutants

    console, survivors, total, whole = err(), list[dict[str, str]](), 0, 0
    with Bar("tasks", len(tasks)) as bar:
        for number, score in enumerate(run_task_mutants(tasks), 1):
            bar.show(number, len(tasks))
            total += len(score.verdicts)
            whole += not score.survivors
            for verdict in score.survivors:
                mutant = verdict.mutant
                survivors.append({"task": score.task.id, "step": mutant.step, "act": mutant.act, "how": mutant.how})
                console.print(f"{score.task.id}: {mutant.act} {mutant.step} {mutant.how}: passes", markup=False)
    killed = total - len(survivors)
    console.print(f"a check fails on {killed} of {total} mutants; on all of them in {whole} of {len(tasks)} tasks")
    return {"mutants": total, "killed": killed, "tasks_with_all_killed": whole, "survivors": survivors}


def register(group: typer.Typer) -> None:
    """Add the subcommand."""
    group.command("bench")(bench)
