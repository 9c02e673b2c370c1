"""One run from the command line: shown while it runs, saved and printed at the end, resumable after a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from canvasagent.agent import Agent
from canvasagent.cli.common import (
    CODES,
    Ending,
    err,
    exit_code,
    failure,
    final_path,
    find_run,
    load_run,
    out,
    print_error,
    report_path,
    stopped,
    summary_of,
)
from canvasagent.cli.live import view_for
from canvasagent.cli.options import flag
from canvasagent.cli.run_options import RunOptions
from canvasagent.cli.stdin import pictures_from
from canvasagent.cli.terminal import harmless
from canvasagent.cli.words import command_words, status_words
from canvasagent.errors import CanvasAgentError, InputError, StorageError
from canvasagent.record.events import Event, Listener
from canvasagent.record.trust import claims_of
from canvasagent.task import Task

if TYPE_CHECKING:
    from canvasagent.record.trajectory import Trajectory

Start = Callable[[Listener], Coroutine[Any, Any, "Trajectory"]]


def run_one(options: RunOptions) -> Ending:
    """Run the request, or resume or continue the run, that the command line names."""
    if options.resume is not None:
        agent, start = _resume(options, options.resume)
    else:
        carried = load_run(options.continued, options.runs_dir).carry() if options.continued is not None else None
        task = Task(options.request or "", pictures_from(options.images), carried=carried)
        agent = options.agent()
        seeded: dict[str, Any] = {} if options.seed is None else {"seed": options.seed}

        async def start(listener: Listener) -> Trajectory:
            return await agent.arun(task, listener=listener, **seeded)

    return _watch(options, agent, start)


def _resume(options: RunOptions, name: str) -> tuple[Agent, Start]:
    folder = find_run(name, options.runs_dir)
    record = load_run(str(folder), options.runs_dir)
    try:
        agent = options.agent(record)
    except StorageError as error:
        raise InputError(str(error)) from error
    if record.status == "truncated" and len(record.turns) >= agent.limits.max_turns:
        raise InputError(
            f"run {record.id} was cut off after {len(record.turns)} turns; "
            f"give it more with --max-turns {len(record.turns) * 2}."
        )

    async def start(listener: Listener) -> Trajectory:
        try:
            return await agent.aresume(folder, listener)
        except StorageError as error:
            if isinstance(listener, _Watch) and listener.record is None:
                raise InputError(str(error)) from error  # the folder that was named cannot be used
            raise

    return agent, start


class _Watch:
    """Forwards events, and keeps the record in case the run is interrupted."""

    def __init__(self, show: Listener) -> None:
        self._show = show
        self.record: Trajectory | None = None

    def __call__(self, event: Event) -> None:
        self.record = event.trajectory
        self._show(event)


def _watch(options: RunOptions, agent: Agent, start: Start) -> Ending:
    """Run it with a view, then print how it ended."""
    console = err()
    with view_for(console) as view:
        watch = _Watch(view)
        cause: BaseException | None = None
        try:
            asyncio.run(start(watch))
        except (KeyboardInterrupt, StorageError) as error:
            cause = error
    record = watch.record
    if isinstance(cause, KeyboardInterrupt):
        agent.toolbox.close()
        return _interrupted(options, record)
    if cause is not None:
        known = summary_of(record) if record is not None else None
        print_error(str(cause))
        _print_folder(options, record)
        return Ending(exit_code(cause), failure(str(cause), known))  # type: ignore[arg-type]
    assert record is not None
    return _finish(options, record)


def _interrupted(options: RunOptions, record: Trajectory | None) -> Ending:
    """After Ctrl-C or another stop signal: keep the record, and print how to resume."""
    if record is None or record.folder is None:
        return stopped("stopped before the run began.")
    words = f"stopped; go on with: {command_words('run', '--resume', record.folder, *_names(options, record))}"
    return stopped(words, summary_of(record))


def _finish(options: RunOptions, record: Trajectory) -> Ending:
    """Save the result to `--out` and print the summary."""
    console = err()
    console.print(status_words(record))
    code, saved, problem = CODES[record.status], None, None
    if options.output is not None and record.final is not None:
        try:
            saved = _save(record, options.output)
        except CanvasAgentError as error:
            problem = str(error)
            code = max(code, exit_code(error))
    if problem is not None:
        print_error(problem, "The run itself is kept.")
    elif options.output is not None and saved is None:
        console.print(Text("No picture was made, so no file was written.", "yellow"))
    if not options.json:
        _print_result(record, saved)
    _print_folder(options, record)
    summary = summary_of(record, saved)
    if problem is not None:
        summary = failure(problem, {**summary, "final": None})
    return Ending(code, summary, at_once=record.status == "truncated")


def _save(record: Trajectory, path: Path) -> Path:
    from canvasagent.record.provenance import save_final

    save_final(record, path)
    return path


def _print_result(record: Trajectory, saved: Path | None) -> None:
    """Print the result on standard output: the answer and the picture's path."""
    console = out()
    if record.answer is not None:
        console.print(Text(harmless(record.answer.text)))
    path = saved or final_path(record)
    if path is not None:
        console.print(Text(str(path)))


def _print_folder(options: RunOptions, record: Trajectory | None) -> None:
    """Print the run's folder, and how to resume a run that reached a limit."""
    if record is None or record.folder is None:
        return
    console = err()
    console.print(Text(f"Run: {report_path(record) or record.folder}", "dim"))
    if record.status in ("truncated", "failed", "running"):
        words = command_words("run", "--resume", record.folder, *_wider_limit(record), *_names(options, record))
        console.print(Text(f"Go on with: {words}", "dim"))


def _names(options: RunOptions, record: Trajectory) -> tuple[str, ...]:
    """The options to repeat when resuming, for what a record may not decide."""
    claims = claims_of(record)
    if claims and options.trust_record:
        return ("--trust-record",)
    named = {claim.option: claim.value for claim in claims if claim.option != "--profile"}
    if options.profile is not None and any(claim.option == "--profile" for claim in claims):
        named["--profile"] = options.profile
    return tuple(part for pair in named.items() for part in pair)


def _wider_limit(record: Trajectory) -> tuple[str, ...]:
    """The option that doubles the limit that a run has reached."""
    if record.status != "truncated":
        return ()
    used = {"max_turns": len(record.turns), "max_seconds": record.seconds, "max_cost": record.cost}
    for name, amount in used.items():
        limit = record.limits.get(name)
        if limit is not None and amount is not None and amount >= limit:
            return (flag(name), f"{2 * amount:.3g}")
    return ()
