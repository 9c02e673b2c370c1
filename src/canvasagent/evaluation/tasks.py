"""The tasks of a benchmark, with the facts about a good run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from canvasagent.craft.plan import Plan
from canvasagent.errors import InputError, StorageError, refusal
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import plain_name, same_name
from canvasagent.task import Task

BENCH_NAME = "canvasbench-250"
MAX_TURNS = 24
"""Most turns of a task without a gold run."""


@dataclass(frozen=True)
class EvalTask:
    """A task of a benchmark."""

    task: Task
    """With an id of its own."""
    gold: Plan | None = None
    gold_steps: int | None = None
    """Calls of the gold run."""
    chain: str | None = None
    max_turns: int = MAX_TURNS

    @property
    def id(self) -> str:
        """The task's id."""
        return str(self.task.id)


@dataclass(frozen=True)
class Bench:
    """A set of tasks. Results are comparable if `version` is the same."""

    name: str
    version: str
    """Checksum of everything in it."""
    tasks: tuple[EvalTask, ...] = field(repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)
    """Rows of a released file that cannot be used, each with the reason."""


@dataclass(frozen=True)
class Loaded:
    """What a kind of benchmark gives: tasks, their version, and the rows that cannot be used."""

    tasks: list[EvalTask]
    version: str
    left_out: tuple[str, ...] = ()


def load_bench(name: str) -> Bench:
    """The benchmark that `name` names.

    `canvasbench-250`; a released RL file (`.parquet`); a folder that `canvasagent craft rl` wrote; or a file of
    requests, one JSON object a line (`.jsonl`, as `canvasagent run --batch` takes it).
    Raises `InputError` where there is none, it is damaged, two tasks have one id, or one that cannot name a folder.
    """
    path = regular_file(Path(name))
    if name.lower() == BENCH_NAME:
        kind, title = "canvasbench", BENCH_NAME
    elif path.suffix in (".jsonl", ".parquet") and path.is_file():
        kind, title = {".jsonl": "requests", ".parquet": "released"}[path.suffix], path.name
    elif (path / "dataset.json").is_file():
        kind, title = "dataset", path.resolve().name
    else:
        raise InputError(
            f"there is no benchmark '{name}'; give {BENCH_NAME}, a released RL file (.parquet), a dataset's "
            "folder, or a file of requests (.jsonl)."
        )
    try:
        loaded: Loaded = import_module(f"canvasagent.evaluation.benches.{kind}").load(path)
    except StorageError as error:  # what is damaged is the user's own choice of a benchmark
        raise InputError(f"'{name}' cannot be used: {error}") from error
    _all_different(loaded.tasks, name)
    _checks_hold(loaded.tasks, name)
    return Bench(title, loaded.version, tuple(loaded.tasks), loaded.left_out)


def checksum(parts: Sequence[object]) -> str:
    """SHA-256 of parts that JSON can hold, shortened to 16 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _all_different(tasks: Sequence[EvalTask], name: str) -> None:
    if not tasks:
        raise InputError(f"'{name}' has no task in it.")
    seen: set[str] = set()
    for task in tasks:
        try:
            key = same_name(plain_name(task.id, "id"))
        except InputError as error:
            raise InputError(f"'{name}' cannot be used: {error}") from error
        if key in seen:
            raise InputError(f"'{name}' has the id '{task.id}' twice; every task needs an id of its own.")
        seen.add(key)


def _checks_hold(tasks: Sequence[EvalTask], name: str) -> None:
    """Raise `InputError` that names the tasks whose checks cannot be read."""
    from canvasagent.rewards.checks import read_check

    wrong = []
    for task in tasks:
        for data in task.task.checks:
            try:
                read_check(data)
            except InputError as error:
                wrong.append(f"{task.id}: {error}")
    if wrong:
        raise refusal(f"'{name}' has checks that cannot be read", wrong)
