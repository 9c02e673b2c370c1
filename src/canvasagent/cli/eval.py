"""`canvasagent eval`: policies compared on a benchmark, with intervals, tests and a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canvasagent.cli.common import (
    GOES_ON,
    STOPPED,
    Ending,
    err,
    exit_code,
    failure,
    json_option,
    max_pixels_option,
    out,
    print_error,
    stopped,
    verbose_option,
)
from canvasagent.cli.completion import judges, one_of, policies_and_gold, presets, profiles
from canvasagent.cli.help_pages import page_text
from canvasagent.cli.judging import chosen_judge, judge_options, judge_settings
from canvasagent.cli.options import settings_from, settings_options, with_options
from canvasagent.cli.progress import Bar
from canvasagent.defaults import Limits
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.plugins import unknown_name
from canvasagent.policies.base import PolicySettings, settings_for

if TYPE_CHECKING:
    from canvasagent.evaluation.rows import Row
    from canvasagent.evaluation.runner import Evaluation
    from canvasagent.evaluation.tables import Tables
    from canvasagent.evaluation.tasks import Bench
    from canvasagent.rewards.judges.base import JudgeSettings


def evaluate(
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="Policy to compare, once for each: scripted, openai:MODEL, gold …",
            metavar="NAME",
            autocompletion=policies_and_gold,
            show_default=False,
        ),
    ] = None,
    image_only: Annotated[
        list[str] | None,
        typer.Option(
            help="Image model alone as a reference row, once for each: images:MODEL. Alignment and aesthetic only.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    images_base_url: Annotated[
        str | None,
        typer.Option(
            help="Base URL of the images server; its key is read from CANVASAGENT_IMAGES_API_KEY.", metavar="URL"
        ),
    ] = None,
    bench: Annotated[
        str,
        typer.Option(
            help="canvasbench-250, a released RL file, a dataset's folder, or a .jsonl of requests.",
            metavar="NAME",
            autocompletion=one_of("canvasbench-250"),
        ),
    ] = "canvasbench-250",
    profile: Annotated[
        str, typer.Option(help="A profile or a .toml file.", metavar="NAME", autocompletion=profiles)
    ] = "lite",
    judge: Annotated[
        str,
        typer.Option(
            help="local (rules, no network), endpoint:MODEL, or none: rule parts only.",
            metavar="NAME",
            autocompletion=judges,
        ),
    ] = "local",
    preset: Annotated[
        str,
        typer.Option(
            help="paper, release, hardened; for training no-outcome and no-process, also with release- before them.",
            metavar="NAME",
            autocompletion=presets,
        ),
    ] = "paper",
    concurrency: Annotated[int, typer.Option(min=1, help="Runs at the same time.")] = 4,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Number of tasks, spread evenly over the benchmark; all if left out.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="Id of a task to run alone, once for each.", metavar="ID", show_default=False),
    ] = None,
    checks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Python file that defines a CHECK of your own, once for each.", metavar="FILE", show_default=False
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="local, or ray: runs are spread over a cluster (RAY_ADDRESS).",
            metavar="NAME",
            autocompletion=one_of("local", "ray"),
        ),
    ] = "local",
    seed: Annotated[int, typer.Option(help="Seed of every run.")] = 0,
    contract: Annotated[
        str,
        typer.Option(
            help="canvasagent, or release: for checkpoints that the research release trained.",
            metavar="TEXT",
            autocompletion=one_of("canvasagent", "release"),
        ),
    ] = "canvasagent",
    max_pixels: Annotated[int, max_pixels_option()] = MAX_PIXELS,
    out_dir: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for results. An interrupted evaluation in it resumes.", metavar="DIR"),
    ] = Path("evaluation"),
    json: Annotated[bool, json_option()] = False,
    verbose: Annotated[bool, verbose_option()] = False,
    **options: Any,
) -> Ending:
    """Run policies on a benchmark.

    Scores every run, and writes results (.json, .csv, .parquet), table.md, table.tex and index.html. The same command
    resumes an interrupted evaluation. Exit code 0: every run is scored; 3: some are not (the table says how many and
    why).
    """
    from canvasagent.plugins import using_plugin_files
    from canvasagent.scale.cluster import check_engine

    check_engine(engine)
    if not policy and not image_only:
        raise InputError("name what is to be compared: --policy NAME, or --image-only images:MODEL.")
    requested = EvalOptions(
        policies=tuple(policy or ()),
        image_only=tuple(image_only or ()),
        settings=settings_for(contract, settings_from(PolicySettings, options)),
        images_base_url=images_base_url,
        bench=bench,
        limit=sample,
        only=tuple(task) if task else None,
        profile=profile,
        judge=judge,
        judging=judge_settings(options),
        preset=preset,
        seed=seed,
        concurrency=concurrency,
        max_pixels=max_pixels,
        contract=settings_from(Limits, {"contract": contract}).contract,
        folder=out_dir,
    )
    with using_plugin_files(checks or ()):
        if engine == "local":
            return _run_evaluation(requested.evaluation(), requested.policy_runs(), json)
        return _run_on_cluster(requested, json)


def _run_on_cluster(requested: EvalOptions, as_json: bool) -> Ending:
    from canvasagent.scale.episodes import evaluate_on

    evaluation, policy_runs = requested.evaluation(), requested.policy_runs()
    evaluation.check_folder()  # the workers' own file goes into it
    fleet = evaluate_on(requested.runs, requested.concurrency, requested.folder)
    evaluation.elsewhere = lambda name, task: fleet((name, task))
    try:
        return _run_evaluation(evaluation, policy_runs, as_json)
    finally:
        fleet.close()


@dataclass(frozen=True)
class EvalOptions:
    """The options of an evaluation, for this process and for the workers of a cluster."""

    policies: tuple[str, ...]
    image_only: tuple[str, ...]
    settings: PolicySettings
    images_base_url: str | None
    bench: str
    limit: int | None
    only: tuple[str, ...] | None
    profile: str
    judge: str
    judging: JudgeSettings
    preset: str
    seed: int
    concurrency: int
    max_pixels: int
    contract: str
    folder: Path

    def policy_runs(self) -> dict[str, Any]:
        """The policies to compare, by name."""
        from canvasagent.endpoints.images import ImagesSettings
        from canvasagent.evaluation.image_only import ImageOnly
        from canvasagent.evaluation.policies import policy_for_task

        images = ImagesSettings(base_url=self.images_base_url)
        by_name: dict[str, Any] = {}
        for name in self.policies:
            with err().status(f"loading {name}"):  # a local model takes its time
                by_name[name] = policy_for_task(name, self.settings)
        return by_name | {name: ImageOnly(name, images) for name in self.image_only}

    def evaluation(self) -> Evaluation:
        """The evaluation in its folder."""
        from canvasagent.evaluation.runner import Evaluation, Setup
        from canvasagent.evaluation.tasks import load_bench
        from canvasagent.execution.toolbox import ToolBox
        from canvasagent.rewards.config import find_preset
        from canvasagent.rewards.judges import changed_prompts

        tasks = load_bench(self.bench)
        for problem in tasks.left_out:
            err().print(f"left out: {problem}", markup=False, style="yellow")
        judge = chosen_judge(self.judge, self.judging)
        setup = Setup(
            bench=tasks.name,
            bench_version=tasks.version,
            tasks=len(tasks.tasks),
            limit=self.limit,
            only=self._chosen(tasks),
            profile=self.profile,
            judge=self.judge,
            judge_prompts=changed_prompts(judge),
            preset=find_preset(self.preset).name,
            seed=self.seed,
            contract=self.contract,
        )
        toolbox, options = ToolBox(self.profile, max_pixels=self.max_pixels), {"max_pixels": self.max_pixels}
        return Evaluation(self.folder, setup, tasks, toolbox, judge, concurrency=self.concurrency, **options)

    def _chosen(self, bench: Bench) -> list[str] | None:
        """The ids of the tasks to run alone, in the benchmark's order. Raises `InputError` for an unknown one."""
        if self.only is None:
            return None
        known = [task.id for task in bench.tasks]
        for name in self.only:
            if name not in known:
                raise InputError(unknown_name("task", name, known))
        return [name for name in known if name in self.only]

    def runs(self) -> Callable[[str, str], Awaitable[Row]]:
        """The work of a worker: runs a policy on a task and returns the row."""
        evaluation, policy_runs = self.evaluation(), self.policy_runs()
        tasks = {task.id: task for task in evaluation.bench.tasks}
        return lambda name, task: evaluation.one(name, policy_runs[name], tasks[task])


def _run_evaluation(evaluation: Evaluation, policy_runs: dict[str, Any], as_json: bool) -> Ending:
    from canvasagent.errors import CanvasAgentError

    cause: BaseException | None = None
    rows: list[Row] = []
    total = len(policy_runs) * len(evaluation.tasks)
    with Bar("runs", total) as bar:
        evaluation.on_row = _counted(bar, total)
        try:
            rows = asyncio.run(evaluation.run(policy_runs))
        except (KeyboardInterrupt, CanvasAgentError) as error:
            cause = error
        except BaseExceptionGroup as group:
            cause = group.exceptions[0]
            if not isinstance(cause, KeyboardInterrupt | CanvasAgentError):
                raise cause from None
    evaluation.toolbox.close()
    if cause is not None:
        return _stopped(cause)
    from canvasagent.evaluation.results import write_results

    tables = write_results(evaluation.folder, evaluation.setup, rows, list(policy_runs))
    page = evaluation.folder / "index.html"
    if not as_json:
        _print(evaluation, tables)
        out().print(str(page), markup=False)
    unscored = sum(line.unscored for line in tables.policies)
    payload = {
        "status": "unmet" if unscored else "met",
        "runs": len(rows),
        "unscored": unscored,
        "folder": str(evaluation.folder),
        "page": str(page),
        "seconds": round(bar.seconds, 3),
        "setup": evaluation.setup.model_dump(),
        "policies": [line.model_dump() for line in tables.policies],
    }
    return Ending(3 if unscored else 0, payload)


def _stopped(error: BaseException) -> Ending:
    if isinstance(error, KeyboardInterrupt):
        return stopped(GOES_ON)
    print_error(str(error))
    return Ending(exit_code(error) if isinstance(error, Exception) else STOPPED, failure(str(error)))


def _counted(bar: Bar, total: int) -> Callable[[Row, bool], None]:
    """Counts finished runs on `bar`."""
    done = known = 0

    def add(_: Row, before: bool) -> None:
        nonlocal done, known
        done, known = done + 1, known + before
        bar.show(done, total, known=known)

    return add


def _print(evaluation: Evaluation, tables: Tables) -> None:
    from rich.table import Table

    from canvasagent.evaluation.labels import caption, figure, warnings
    from canvasagent.evaluation.tables import METRICS, TITLES

    table = Table("", *(line.policy for line in tables.policies), title_justify="left")
    table.add_row("n", *(str(line.runs) for line in tables.policies))
    for name in (*METRICS, "all checks pass"):
        table.add_row(TITLES[name], *(figure(line.figures[name], name) for line in tables.policies))
    table.add_row("Unscored", *(str(line.unscored) for line in tables.policies))
    console = out()
    console.print(table, soft_wrap=False)
    for text in (caption(evaluation.setup), *warnings(evaluation.setup)):
        console.print(text, markup=False, style="dim")


def register(app: typer.Typer, summary: str) -> None:
    """Add the command."""
    parameters = [
        *settings_options(PolicySettings, "Policy", skip=("api_key",)),
        *judge_options(skip=("result_first",)),
    ]
    app.command("eval", help=page_text(summary, evaluate))(with_options(evaluate, parameters))
