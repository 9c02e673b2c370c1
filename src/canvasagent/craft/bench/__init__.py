"""CanvasBench-250: tasks with gold plans, checks and input pictures, which ship with the package and do not change.

All input pictures are drawn; none is a photograph. `frozen.json` holds a checksum of every task and of the decoded
pixels of every picture: `load_bench` compares them, so that figures on the benchmark can be compared.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from PIL import Image

from canvasagent.canvas import pixel_hash
from canvasagent.craft.bench.checks import read_checks
from canvasagent.craft.bench.data import Entry, entries, folder
from canvasagent.craft.bench.notation import read_plan
from canvasagent.craft.difficulty import measure
from canvasagent.craft.pictures import Contents, Picture
from canvasagent.craft.plan import Plan
from canvasagent.errors import InputError
from canvasagent.task import Task

NAME = "canvasbench-250"
SOURCE = "canvasbench"


@dataclass(frozen=True)
class BenchTask:
    """A task of the benchmark."""

    id: str
    instruction: str
    plan: Plan = field(repr=False)
    """The gold plan; what it needs of its pictures is known by construction."""
    tags: tuple[str, ...] = ()
    """Among them `recover`: the gold run meets something that fails, and corrects it."""

    @property
    def checks(self) -> tuple[dict[str, Any], ...]:
        """What a right result passes."""
        return self.plan.checks

    @property
    def expected_tools(self) -> tuple[str, ...]:
        """Wire names of the gold calls, in order."""
        return self.plan.tools()

    @property
    def max_turns(self) -> int:
        """Turns that a policy has."""
        return 2 * len(self.plan.path()) + 4

    @cached_property
    def difficulty(self) -> dict[str, str]:
        """R, L and D of Table 2."""
        return measure(self.plan)

    def pictures(self) -> tuple[Image.Image, ...]:
        """The input pictures."""
        return tuple(picture(item.key) for item in self.plan.pictures)

    def task(self) -> Task:
        """As a policy gets it."""
        return Task(
            self.instruction, self.pictures(), self.id, self.expected_tools, self.difficulty, checks=self.checks
        )


@dataclass(frozen=True)
class Bench:
    """The benchmark."""

    version: str
    """Checksum over all of it."""
    tasks: tuple[BenchTask, ...] = field(repr=False)
    frozen: bool
    """Whether it is complete and will not change any more."""
    failing: dict[str, str]
    """Tasks whose gold run does not pass all of its checks in the lite profile, and why."""


def load_bench(verify: bool | None = True) -> Bench:
    """The benchmark. Raises `InputError` where something differs from what was frozen.

    With `verify` None it is compared only once it is frozen, and until then has the tasks that can be read.
    """
    frozen = json.loads(folder().joinpath("frozen.json").read_text("utf-8"))
    tasks, unread = read_tasks()
    verify = frozen["frozen"] if verify is None else verify
    if unread and (verify or frozen["frozen"]):
        raise InputError(unread[0])
    if verify:
        _verify(tasks, frozen["checksums"])
    return Bench(version_of(frozen["checksums"]), tasks, frozen["frozen"], frozen["failing"])


def read_tasks() -> tuple[tuple[BenchTask, ...], list[str]]:
    """Every task that can be read, and what is wrong with the others."""
    tasks, unread = [], []
    for entry in entries():
        try:
            tasks.append(bench_task(entry))
        except InputError as error:
            unread.append(str(error))
    return tuple(tasks), unread


def bench_task(entry: Entry) -> BenchTask:
    """A task from what is written down. Raises `InputError` naming it where that cannot be read."""
    pictures = tuple(_picture(entry, number) for number in range(1, len(entry.pics) + 1))
    try:
        plan = read_plan(entry.do, "", pictures=pictures, checks=read_checks(entry.ok))
    except InputError as error:
        raise InputError(f"{entry.id}: {error}") from error
    return BenchTask(entry.id, entry.ask, plan.model_copy(update={"chain": family(plan)}), entry.tags)


def family(plan: Plan) -> str:
    """The tools of a plan's path, repetitions left out: what kind of task it is."""
    return "+".join(dict.fromkeys(plan.tools()))


def _picture(entry: Entry, number: int) -> Picture:
    key = f"{entry.id}_{number}"
    words = entry.pics[number - 1]
    contents = Contents(drawn=not words.startswith("page:"))
    return Picture(source=SOURCE, key=key, size=picture(key).size, contents=contents, origin={"drawn": words})


def picture(key: str) -> Image.Image:
    """An input picture by its key (`b001_1`). Raises `InputError` where it is not there."""
    file = folder().joinpath("pictures", f"{key}.webp")
    if not file.is_file():
        raise InputError(f"the benchmark's picture {key} is missing; install the package again.")
    with Image.open(io.BytesIO(file.read_bytes())) as opened:
        return opened.convert("RGB")


def checksum(task: BenchTask) -> str:
    """Over a task's words, plan, checks and the decoded pixels of its pictures."""
    parts = [
        task.id,
        task.instruction,
        task.plan.model_dump(mode="json"),
        [pixel_hash(item) for item in task.pictures()],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def version_of(checksums: dict[str, str]) -> str:
    """Checksum over all tasks."""
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()[:16]


def _verify(tasks: tuple[BenchTask, ...], checksums: dict[str, str]) -> None:
    sums = {task.id: checksum(task) for task in tasks}
    other = sorted(name for name in {*sums, *checksums} if sums.get(name) != checksums.get(name))
    if other:
        raise InputError(
            f"the benchmark is not as it was frozen: {', '.join(other[:8])}{' …' if len(other) > 8 else ''}. "
            "Results on it cannot be compared; install the package again."
        )
