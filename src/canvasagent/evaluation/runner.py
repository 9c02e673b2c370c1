"""Runs policies on a benchmark and scores them: each row is written as it comes, and a killed evaluation goes on.

A folder of results holds `evaluation.json` (what is compared, on what, judged by whom), `rows.jsonl` (one row a run)
and `runs/POLICY/TASK/` (each run's folder with its report). Tables are made from the rows alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.agent import Agent
from canvasagent.defaults import CONCURRENCY, Limits
from canvasagent.errors import CanvasAgentError, InputError, StorageError, refusal
from canvasagent.evaluation.contenders import Contender
from canvasagent.evaluation.image_only import ImageOnly
from canvasagent.evaluation.rows import Row, make_row, outcome_only
from canvasagent.evaluation.tasks import Bench, EvalTask
from canvasagent.execution.toolbox import ToolBox
from canvasagent.foreign_json import first_problem, read_json
from canvasagent.imaging.pictures import write_atomically
from canvasagent.record.run_folder import LOCK_NAME, make_room
from canvasagent.record.trajectory import RECORD_NAME, Trajectory
from canvasagent.rewards.hybrid import score
from canvasagent.rewards.judges.base import Judge
from canvasagent.version import __version__

SETUP_NAME, ROWS_NAME, RUNS_NAME = "evaluation.json", "rows.jsonl", "runs"


class Setup(BaseModel):
    """What is compared. Results of another setup are never put in one table in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = 1
    canvasagent: str = __version__
    bench: str
    bench_version: str
    """Checksum of the benchmark."""
    tasks: int
    limit: int | None = None
    """Only so many tasks, spread evenly over the benchmark."""
    profile: str
    judge: str
    """`none` where nothing was judged."""
    judge_prompts: str | None = None
    """Hash of the judge's prompts where they are not the package's own."""
    preset: str
    seed: int
    date: str = Field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    def differs(self, other: Setup) -> list[str]:
        """What is not the same in two setups, in words; the date and the package's version may differ."""
        fields = (
            "format_version",
            "bench",
            "bench_version",
            "limit",
            "profile",
            "judge",
            "judge_prompts",
            "preset",
            "seed",
        )
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in fields)
        return [f"{name.replace('_', ' ')} is {here}, not {there}" for name, here, there in pairs if here != there]


class Evaluation:
    """An evaluation in a folder: `run` does what is left to do. Raises as `open_folder`."""

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        bench: Bench,
        toolbox: ToolBox,
        judge: Judge | None,
        *,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self.folder, self.setup, self.bench = folder, setup, bench
        self.toolbox, self.judge = toolbox, judge
        self.concurrency = concurrency
        self.tell: Callable[[Row, bool], None] = lambda row, known: None
        """Called with each row as it comes; True where it was known before."""
        self.elsewhere: Callable[[str, str], Awaitable[Row]] | None = None
        """Who runs and scores instead of this process, given a policy and a task: `one` of an evaluation like this."""

    @property
    def tasks(self) -> tuple[EvalTask, ...]:
        """The tasks in use: all, or `limit` of them spread evenly."""
        tasks, limit = self.bench.tasks, self.setup.limit
        if limit is None or limit >= len(tasks):
            return tasks
        return tuple(tasks[index * len(tasks) // limit] for index in range(limit))

    async def run(self, contenders: dict[str, Contender | ImageOnly]) -> list[Row]:
        """Run and score what has no scored row yet; all rows, by policy and task. `tell` gets each."""
        with self._alone():
            self._begin()
            known = {(row.policy, row.task): row for row in read_rows(self.folder)}
            wanted = [(name, item) for name in contenders for item in self.tasks]
            done = {key: row for key, row in known.items() if not self._to_do_again(row)}
            for name, item in wanted:
                if (row := done.get((name, item.id))) is not None:
                    self.tell(row, True)
            waiting = iter([pair for pair in wanted if (pair[0], pair[1].id) not in done])

            async def work() -> None:
                for name, item in waiting:
                    row = await self._row(name, contenders[name], item)
                    known[name, item.id] = row
                    append_row(self.folder, row)
                    self.tell(row, False)

            async with asyncio.TaskGroup() as group:
                for _ in range(self.concurrency):
                    group.create_task(work())
            return [known[name, item.id] for name, item in wanted]

    def _to_do_again(self, row: Row) -> bool:
        """What the infrastructure or a judge failed at is tried again when the evaluation is started again."""
        return row.status in ("failed", "running") or (self.judge is not None and not row.scored)

    async def _row(self, name: str, contender: Contender | ImageOnly, item: EvalTask) -> Row:
        if self.elsewhere is None:
            return await self.one(name, contender, item)
        try:
            return await self.elsewhere(name, item.id)
        except CanvasAgentError as error:
            return Row(policy=name, task=item.id, folder=self._folder_of(name, item), status="failed", why=str(error))

    def _folder_of(self, name: str, item: EvalTask) -> str:
        return f"{RUNS_NAME}/{slug(name)}/{item.id}"

    async def one(self, name: str, contender: Contender | ImageOnly, item: EvalTask) -> Row:
        """Run and score, or go on with what was begun; what failed is in the row."""
        relative = self._folder_of(name, item)
        path = self.folder / relative
        try:
            run = await self._episode(contender, item, path)
            verdicts = await self.judge.judge(run) if self.judge is not None else {}
            found = await asyncio.to_thread(score, run, self.setup.preset, verdicts)
            row = await asyncio.to_thread(make_row, name, item, run, relative, found, verdicts)
            return outcome_only(row) if isinstance(contender, ImageOnly) else row
        except CanvasAgentError as error:
            return Row(policy=name, task=item.id, folder=relative, status="failed", why=str(error))

    async def _episode(self, contender: Contender | ImageOnly, item: EvalTask, path: Path) -> Trajectory:
        fresh = not (path / RECORD_NAME).is_file()
        if fresh:
            make_room(path)
        if isinstance(contender, ImageOnly):
            return await contender.run(item, self.toolbox, self.setup.seed, path) if fresh else Trajectory.load(path)
        agent = Agent(contender(item), self.toolbox, limits=Limits(max_turns=item.max_turns))
        if fresh:
            return await agent.arun(item.task, seed=self.setup.seed, run_dir=path)
        record = await asyncio.to_thread(Trajectory.load, path)
        if (record.instruction, record.seed) != (item.task.instruction, self.setup.seed):
            raise InputError(f"'{path}' holds a run of another request or seed; give another --out.")
        finished = record.status in ("met", "unmet", "truncated")
        return record if finished else await agent.aresume(path)

    def _begin(self) -> None:
        file = self.folder / SETUP_NAME
        if not file.is_file():
            write_atomically(file, (self.setup.model_dump_json(indent=2) + "\n").encode("utf-8"))
            return
        if different := read_setup(self.folder).differs(self.setup):
            raise InputError(f"'{self.folder}' holds another evaluation ({'; '.join(different)}); give another --out.")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK_NAME)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(f"another evaluation is writing to '{self.folder}' right now.") from error
        except OSError as error:
            raise StorageError(f"'{self.folder}' cannot be written: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()


def slug(name: str) -> str:
    """A policy's name as a folder's: `openai:gpt-5` → `openai_gpt-5`."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._") or "policy"


def read_setup(folder: Path) -> Setup:
    """What a folder of results is about. Raises `InputError` where it holds none, or one of another version."""
    file = folder / SETUP_NAME
    try:
        data = read_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"'{folder}' holds no evaluation: there is no {SETUP_NAME} in it.") from error
    except ValueError as error:
        raise InputError(f"'{file}' is damaged: {error}.") from error
    try:
        return Setup(**data)
    except (ValidationError, TypeError) as error:
        raise InputError(f"'{file}' was not written by this version of canvasagent ({__version__}).") from error


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder, the last one of each run. A last line that was cut off is left out: its run is done again.

    Raises `InputError` that lists all other lines that are damaged: without them a table would say something else.
    """
    file = folder / ROWS_NAME
    if not file.is_file():
        return []
    lines = file.read_bytes().split(b"\n")
    damaged: list[str] = []
    rows: dict[tuple[str, str], Row] = {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):  # no line end: the writer was killed
                continue
            damaged.append(f"line {number}: {first_problem(error)}")
            continue
        rows[row.policy, row.task] = row
    if damaged:
        raise refusal(f"'{file}' is damaged; remove these lines to have their runs done again", damaged)
    return list(rows.values())


def append_row(folder: Path, row: Row) -> None:
    """Add a row, on a line of its own whatever a killed writer left. Raises `StorageError`."""
    file = folder / ROWS_NAME
    try:
        with file.open("ab+") as stream:
            end = stream.seek(0, 2)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    _cut_last_line(file)
            stream.seek(0, 2)
            stream.write((row.model_dump_json() + "\n").encode("utf-8"))
    except OSError as error:
        raise StorageError(f"'{file}' could not be written: {error.strerror or error}.") from error


def _cut_last_line(file: Path) -> None:
    """Drop a line that has no end: the run that it was about is done again."""
    data = file.read_bytes()
    with file.open("rb+") as stream:
        stream.truncate(data.rfind(b"\n") + 1)


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Rows by policy, then task."""
    return sorted(rows, key=lambda row: (row.policy, row.task))
