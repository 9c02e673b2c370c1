"""Runs policies on a benchmark and scores them. Each row is written at once, so that a killed evaluation resumes.

A folder of results holds `evaluation.json` (the setup), `rows.jsonl` (one row a run)
and `runs/POLICY/TASK/` (each run's folder with its report). Tables are made from the rows alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.agent import Agent
from canvasagent.defaults import CONCURRENCY, Limits
from canvasagent.errors import CanvasAgentError, InputError, refusal
from canvasagent.evaluation.image_only import ImageOnly
from canvasagent.evaluation.policies import PolicyForTask
from canvasagent.evaluation.rows import Row, make_row, outcome_only
from canvasagent.evaluation.tasks import Bench, EvalTask
from canvasagent.execution.toolbox import ToolBox
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.record.trajectory import RECORD_NAME, Trajectory
from canvasagent.rewards.hybrid import judge_and_score
from canvasagent.rewards.judges.base import Judge
from canvasagent.storage.files import append_line, whole_lines, write_atomically
from canvasagent.storage.folders import NEW_FOLDER, is_temporary, locked, refuse_strangers
from canvasagent.storage.foreign_json import first_problem, read_json
from canvasagent.storage.input_files import regular_file
from canvasagent.storage.names import path_below, plain_name, refuse_link, same_name
from canvasagent.version import __version__

SETUP_NAME, ROWS_NAME, RUNS_NAME = "evaluation.json", "rows.jsonl", "runs"


class Setup(BaseModel):
    """What is compared. Results of different setups are not put into one table without a remark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = 1
    canvasagent: str = __version__
    bench: str
    bench_version: str
    """Checksum of the benchmark."""
    tasks: int
    limit: int | None = None
    """Number of tasks, spread evenly over the benchmark; None: all."""
    only: list[str] | None = None
    """Ids of the tasks that were run alone; None: all."""
    profile: str
    judge: str
    """`none` where nothing was judged."""
    judge_prompts: str | None = None
    """Hash of the judge's prompts; None for the package's own."""
    preset: str
    seed: int
    contract: str = "canvasagent"
    """How turns are written (`Limits.contract`)."""
    date: str = Field(default_factory=lambda: datetime.now(UTC).date().isoformat())

    def differs(self, other: Setup) -> list[str]:
        """The differences of two setups in words, except for the date and the package's version."""
        fields = (
            "format_version",
            "bench",
            "bench_version",
            "limit",
            "only",
            "profile",
            "judge",
            "judge_prompts",
            "preset",
            "seed",
            "contract",
        )
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in fields)
        return [f"{name.replace('_', ' ')} is {here}, not {there}" for name, here, there in pairs if here != there]


class Evaluation:
    """An evaluation in a folder: `run` does what is left to do."""

    def __init__(
        self,
        folder: Path,
        setup: Setup,
        bench: Bench,
        toolbox: ToolBox,
        judge: Judge | None,
        *,
        concurrency: int = CONCURRENCY,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.folder, self.setup, self.bench = folder, setup, bench
        self.toolbox, self.judge = toolbox, judge
        self.concurrency, self.max_pixels = concurrency, max_pixels
        self.on_row: Callable[[Row, bool], None] = lambda row, known: None
        """Called with each new row, and with True for each row of an earlier start."""
        self.elsewhere: Callable[[str, str], Awaitable[Row]] | None = None
        """Runs and scores a policy and a task in another process: `one` of an equal evaluation. None: do it here."""

    @property
    def tasks(self) -> tuple[EvalTask, ...]:
        """The tasks in use: all, those named, or `limit` of them spread evenly."""
        tasks, limit = self.bench.tasks, self.setup.limit
        if self.setup.only is not None:
            tasks = tuple(task for task in tasks if task.id in self.setup.only)
        if limit is None or limit >= len(tasks):
            return tasks
        return tuple(tasks[index * len(tasks) // limit] for index in range(limit))

    async def run(self, policy_runs: dict[str, PolicyForTask | ImageOnly]) -> list[Row]:
        """Run and score what has no scored row yet. Returns all rows by policy and task.

        Raises `InputError` for a folder of something else, or two policies whose runs would share a folder.
        """
        self._check_names(policy_runs)
        with locked(self.folder, "another evaluation is writing to", lambda folder: self.check_folder()):
            self._begin()
            known = {(row.policy, row.task): row for row in read_rows(self.folder)}
            wanted = [(name, item) for name in policy_runs for item in self.tasks]
            done = {key: row for key, row in known.items() if not self._to_do_again(row)}
            for name, item in wanted:
                if (row := done.get((name, item.id))) is not None:
                    self.on_row(row, True)
            waiting = iter([pair for pair in wanted if (pair[0], pair[1].id) not in done])

            async def work() -> None:
                for name, item in waiting:
                    row = await self._row(name, policy_runs[name], item)
                    known[name, item.id] = row
                    append_line(self.folder / ROWS_NAME, row.model_dump_json())
                    self.on_row(row, False)

            async with asyncio.TaskGroup() as group:
                for _ in range(self.concurrency):
                    group.create_task(work())
            return [known[name, item.id] for name, item in wanted]

    def _to_do_again(self, row: Row) -> bool:
        """Whether a later start repeats a row: after a failure of the infrastructure or of the judge."""
        return row.status in ("failed", "running") or (self.judge is not None and not row.scored)

    async def _row(self, name: str, policy_for_task: PolicyForTask | ImageOnly, item: EvalTask) -> Row:
        if self.elsewhere is None:
            return await self.one(name, policy_for_task, item)
        try:
            return await self.elsewhere(name, item.id)
        except CanvasAgentError as error:
            return Row(policy=name, task=item.id, folder=self._folder_of(name, item), status="failed", why=str(error))

    def _folder_of(self, name: str, item: EvalTask) -> str:
        return f"{RUNS_NAME}/{slug(name)}/{item.id}"

    async def one(self, name: str, policy_for_task: PolicyForTask | ImageOnly, item: EvalTask) -> Row:
        """Run and score, or resume the run; errors are in the row."""
        relative = self._folder_of(name, item)
        try:
            path = path_below(self.folder, RUNS_NAME, slug(name), item.id)
            run = await self._episode(policy_for_task, item, path)
            scored, verdicts = await judge_and_score(run, self.setup.preset, self.judge)
            row = await asyncio.to_thread(make_row, name, item, run, relative, scored, verdicts)
            return outcome_only(row) if isinstance(policy_for_task, ImageOnly) else row
        except CanvasAgentError as error:
            return Row(policy=name, task=item.id, folder=relative, status="failed", why=str(error))

    async def _episode(self, policy_for_task: PolicyForTask | ImageOnly, item: EvalTask, path: Path) -> Trajectory:
        fresh = not (path / RECORD_NAME).is_file()
        if isinstance(policy_for_task, ImageOnly):
            limits = Limits(max_pixels=self.max_pixels)
            run = policy_for_task.run(item, self.toolbox, self.setup.seed, path, limits) if fresh else None
            return Trajectory.load(path) if run is None else await run
        limits = Limits(max_turns=item.max_turns, max_pixels=self.max_pixels, contract=self.setup.contract)
        agent = Agent(policy_for_task(item), self.toolbox, limits=limits)
        if fresh:
            return await agent.arun(item.task, seed=self.setup.seed, run_dir=path)
        record = await asyncio.to_thread(Trajectory.load, path)
        if (record.instruction, record.seed) != (item.task.instruction, self.setup.seed):
            raise InputError(f"'{path}' holds a run of another request or seed; give another --out.")
        finished = record.status in ("met", "unmet", "truncated")
        return record if finished else await agent.aresume(path)

    def check_folder(self) -> None:
        """Raise `InputError` where the folder holds another evaluation, or something else. Nothing is written."""
        if not (self.folder / SETUP_NAME).is_file():
            refuse_strangers(self.folder, NEW_FOLDER, lambda name: is_temporary(name, SETUP_NAME))
        elif different := self._read_setup().differs(self.setup):
            raise InputError(f"'{self.folder}' holds another evaluation ({'; '.join(different)}); give another --out.")
        refuse_link(self.folder / ROWS_NAME)
        refuse_link(self.folder / RUNS_NAME)

    def _read_setup(self) -> Setup:
        try:
            return read_setup(self.folder)
        except InputError as error:
            raise InputError(f"{error} To evaluate, {NEW_FOLDER}.") from error

    def _check_names(self, policy_runs: Iterable[str]) -> None:
        """Raise `InputError` before any run begins, if two runs would share a folder."""
        policies: dict[str, str] = {}
        for name in policy_runs:
            other = policies.setdefault(same_name(plain_name(slug(name), "policy's folder")), name)
            if other != name:
                raise InputError(
                    f"the runs of '{other}' and '{name}' would have one folder ('{slug(name)}'); evaluate them apart, "
                    "each with its own --out, and join the tables with `canvasagent table`."
                )
        for item in self.tasks:
            plain_name(item.id, "id")

    def _begin(self) -> None:
        file = self.folder / SETUP_NAME
        if not file.is_file():
            write_atomically(file, (self.setup.model_dump_json(indent=2) + "\n").encode("utf-8"))


def slug(name: str) -> str:
    """A policy's name as a folder's: `openai:gpt-5` → `openai_gpt-5`."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._") or "policy"


def read_setup(folder: Path) -> Setup:
    """The setup of a folder of results. Raises `InputError` if there is none, or one of another version."""
    file = folder / SETUP_NAME
    try:
        data = read_json(regular_file(file).read_bytes())
    except OSError as error:
        raise InputError(f"'{folder}' holds no evaluation: there is no {SETUP_NAME} in it.") from error
    except ValueError as error:
        raise InputError(f"'{file}' is damaged: {error}.") from error
    try:
        return Setup(**data)
    except (ValidationError, TypeError) as error:
        raise InputError(f"'{file}' was not written by this version of canvasagent ({__version__}).") from error


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder, the last one of each run. An unfinished last line is left out: its run is repeated.

    Raises `InputError` that lists all damaged lines: a table without them would show other figures.
    """
    file = folder / ROWS_NAME
    damaged: list[str] = []
    rows: dict[tuple[str, str], Row] = {}
    for number, line in enumerate(whole_lines(file), 1):
        if not line:
            continue
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            damaged.append(f"line {number}: {first_problem(error)}")
            continue
        rows[row.policy, row.task] = row
    if damaged:
        raise refusal(f"'{file}' is damaged; remove these lines to have their runs done again", damaged)
    return list(rows.values())


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Rows by policy, then task."""
    return sorted(rows, key=lambda row: (row.policy, row.task))
