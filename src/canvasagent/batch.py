"""Batches: many requests from a file, several at once, each in a run folder of its own; resumable.

The file has one JSON object a line (see `TaskLine`); its `images` are paths relative to it. An
interrupted batch is started again in the same folder: finished runs are kept, unfinished ones resume.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.agent import Agent
from canvasagent.defaults import CONCURRENCY
from canvasagent.errors import CanvasAgentError, InputError, StorageError, refusal
from canvasagent.imaging.pictures import is_file
from canvasagent.record.run_folder import refuse_used
from canvasagent.record.trajectory import RECORD_NAME, Trajectory
from canvasagent.storage.files import append_line, write_atomically
from canvasagent.storage.folders import OWN_FILES, locked, refuse_strangers, set_mark
from canvasagent.storage.foreign_json import excerpt, first_problem, read_json
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import PlainName, path_below, same_name
from canvasagent.task import Task

RESULTS_NAME = "results.jsonl"
BATCH_NAME = f"{OWN_FILES}batch"
"""Marks a batch's folder, in which results may be replaced."""


class TaskLine(BaseModel):
    """One line of a batch file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: str = Field(min_length=1)
    images: list[str] = Field(default_factory=list)
    """Paths of the pictures, relative to the file."""
    id: PlainName | None = None
    """Name of the run's folder; the line's number where it is left out."""
    seed: int | None = None
    """The seed of the batch where it is left out."""
    expected_tools: list[str] | None = None
    difficulty: dict[str, str] = Field(default_factory=dict)
    checks: list[dict[str, Any]] = Field(default_factory=list)


@dataclass(frozen=True)
class Item:
    """A request of a batch."""

    id: str
    task: Task
    seed: int


@dataclass(frozen=True)
class Result:
    """The result of a request: its record, or the error that prevented the run."""

    id: str
    record: Trajectory | None
    error: CanvasAgentError | None = None
    skipped: bool = False
    """Whether it was finished by an earlier start."""


class BatchRunner(Protocol):
    """Runs the requests of a batch in place of an agent in this process."""

    max_turns: int
    """Turns that a run may have."""

    async def __call__(self, item: Item, folder: Path) -> Result:
        """Run a request in its folder, or resume the run in it; errors are in the result."""
        ...


def read_batch(path: Path, seed: int = 0) -> list[Item]:
    """The requests in a file; `seed` is for those that have none.

    Raises `InputError` that lists every bad line with its number. Ids are valid folder names.
    """
    try:
        data = regular_file(path).read_bytes()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    return parse_batch(data, f"'{path}'", path.parent, seed)


def parse_batch(data: bytes, name: str, folder: Path, seed: int = 0) -> list[Item]:
    """The requests in `data`; paths of pictures are relative to `folder`; `name` is the source in messages.

    Raises `InputError` as `read_batch`.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    items: dict[str, Item] = {}
    numbers: dict[str, int] = {}
    wrong: list[str] = []
    for number, line in enumerate(data.split(b"\n"), 1):  # other line ends may stand inside of JSON strings
        if not line.strip():
            continue
        try:
            item = _read_line(line, number, folder, seed)
            key = same_name(item.id)
            if key in numbers:
                raise InputError(f"the id '{item.id}' is taken by line {numbers[key]}.")
        except InputError as error:
            wrong.append(f"line {number}: {error}")
            continue
        items[item.id], numbers[key] = item, number
    if wrong:
        raise refusal(f"{name} cannot be used", wrong)
    if not items:
        raise InputError(f"{name} has no request in it.")
    return list(items.values())


def _read_line(line: bytes, number: int, folder: Path, seed: int) -> Item:
    try:
        read = TaskLine.model_validate(read_json(line))
    except ValidationError as error:
        raise InputError(f"{first_problem(error)}.") from error
    except ValueError as error:
        raise InputError(f"{'not UTF-8' if isinstance(error, UnicodeDecodeError) else 'not JSON'}: {error}.") from error
    name = read.id if read.id is not None else f"{number:05d}"
    if same_name(name) in (RESULTS_NAME, RECORD_NAME):
        raise InputError(f"the id '{name}' is the name of a file of ours.")
    pictures = [folder / image for image in read.images]
    for picture in pictures:
        if not is_file(regular_file(picture)):
            raise InputError(f"there is no picture '{excerpt(str(picture))}'.")
    task = Task(
        read.instruction,
        pictures,
        id=name,
        expected_tools=tuple(read.expected_tools) if read.expected_tools is not None else None,
        difficulty=read.difficulty,
        checks=tuple(read.checks),
    )
    return Item(name, task, seed if read.seed is None else read.seed)


async def run_batch(
    agent: Agent | BatchRunner,
    items: Sequence[Item],
    folder: Path,
    *,
    concurrency: int = CONCURRENCY,
    on_result: Callable[[Result], None] = lambda result: None,
    describe: Callable[[Result], dict[str, Any]],
) -> None:
    """Run `items`, at most `concurrency` at once, each in `folder / id`; `on_result` gets each result at once.

    `results.jsonl` in `folder` has a line for each result, which `describe` makes. Raises `StorageError` where
    that file cannot be written, `InputError` where a folder holds another request's run, or something else.
    """
    runner = _Here(agent) if isinstance(agent, Agent) else agent
    with locked(folder, "another batch is writing to", refuse_other_folder):
        set_mark(folder / BATCH_NAME)
        await _run_batch(runner, items, folder, concurrency, on_result, describe)


class _Here:
    """Runs requests in this process."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self.max_turns = agent, agent.limits.max_turns

    async def __call__(self, item: Item, folder: Path) -> Result:
        try:
            return Result(item.id, await run_item(self._agent, item, folder))
        except CanvasAgentError as error:
            return Result(item.id, None, error)


async def _run_batch(
    runner: BatchRunner,
    items: Sequence[Item],
    folder: Path,
    concurrency: int,
    on_result: Callable[[Result], None],
    describe: Callable[[Result], dict[str, Any]],
) -> None:
    done, rest = await asyncio.to_thread(_sort, items, folder, runner.max_turns)
    lines = "".join(json.dumps(describe(result), ensure_ascii=False) + "\n" for result in done)
    write_atomically(folder / RESULTS_NAME, lines.encode("utf-8"))
    for result in done:
        on_result(result)
    waiting = iter(rest)  # shared: each worker takes the next one

    async def work() -> None:
        for item in waiting:
            result = await runner(item, path_below(folder, item.id, what="id"))
            append_line(folder / RESULTS_NAME, json.dumps(describe(result), ensure_ascii=False))
            on_result(result)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(rest))):
            group.create_task(work())


def refuse_other_folder(folder: Path) -> None:
    """Raise `InputError` if `folder` is not empty and not a batch's."""
    if not (folder / BATCH_NAME).is_file():
        advice = "give the batch file another name, or name another folder with --runs-dir"
        refuse_strangers(folder, advice)


async def run_item(agent: Agent, item: Item, folder: Path) -> Trajectory:
    """Run a request in `folder`, or resume the run in it. Raises as `Agent.arun` does."""
    if (folder / RECORD_NAME).is_file():
        return await agent.aresume(folder)
    return await agent.arun(item.task, seed=item.seed, run_dir=folder)


def _sort(items: Iterable[Item], folder: Path, max_turns: int) -> tuple[list[Result], list[Item]]:
    """Finished results, and the items left to run or to resume."""
    done: list[Result] = []
    rest: list[Item] = []
    for item in items:
        path = path_below(folder, item.id, what="id")
        if not (path / RECORD_NAME).is_file():
            refuse_used(path)
            rest.append(item)
            continue
        try:
            record = Trajectory.load(path)
        except StorageError as error:
            raise InputError(f"{error} Move that folder away to run '{item.id}' anew.") from error
        if (record.instruction, record.seed) != (item.task.instruction, item.seed):
            raise InputError(
                f"'{path}' holds a run of another request or seed; give the batch file another name, "
                "or another --runs-dir."
            )
        out_of_turns = record.status == "truncated" and len(record.turns) >= max_turns
        if record.status in ("met", "unmet") or out_of_turns:
            done.append(Result(item.id, record, skipped=True))
        else:
            rest.append(item)
    return done, rest
