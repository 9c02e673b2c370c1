"""`canvasagent run --batch`: a file of requests, with a progress bar."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from canvasagent.agent import Agent
from canvasagent.batch import (
    RESULTS_NAME,
    BatchRunner,
    Item,
    Result,
    parse_batch,
    read_batch,
    refuse_other_folder,
    run_batch,
)
from canvasagent.cli.common import (
    CODES,
    GOES_ON,
    STOPPED,
    Ending,
    err,
    exit_code,
    failure,
    out,
    print_error,
    stopped,
    summary_of,
)  # fmt: skip
from canvasagent.cli.options import settings_from
from canvasagent.cli.progress import Bar
from canvasagent.cli.run_options import RunOptions
from canvasagent.cli.stdin import STDIN, read_stdin
from canvasagent.cli.terminal import harmless
from canvasagent.cli.words import STATUS_STYLE, short
from canvasagent.defaults import CONCURRENCY, Limits
from canvasagent.errors import CanvasAgentError
from canvasagent.scale.cluster import check_engine
from canvasagent.storage.names import plain_name

_WORST_FIRST = ("failed", "truncated", "unmet", "met")


def run_batch_file(options: RunOptions) -> Ending:
    """Run the file's requests that are not finished yet; the exit code is the worst of all of them."""
    assert options.batch is not None
    items, folder = _requests(options, options.batch)
    refuse_other_folder(folder)
    concurrency = options.concurrency or CONCURRENCY
    bar = Bar("requests", len(items), lines=False)
    tally = _Tally(bar, err(), len(items))
    cause: BaseException | None = None
    with _runner(options, folder, concurrency) as runner, bar:
        try:
            asyncio.run(
                run_batch(
                    runner,
                    items,
                    folder,
                    concurrency=concurrency,
                    on_result=tally.add,
                    describe=describe,
                )
            )
        except (KeyboardInterrupt, CanvasAgentError) as error:
            cause = error
        except BaseExceptionGroup as group:  # what one worker raised, the others having been cancelled
            cause = group.exceptions[0]
            if not isinstance(cause, KeyboardInterrupt | CanvasAgentError):
                raise cause from None
    return _ending(options, folder, tally, cause)


def _requests(options: RunOptions, file: Path) -> tuple[list[Item], Path]:
    """The requests of a file or of standard input, and the folder of their runs."""
    seed = options.seed or 0
    if str(file) == STDIN:
        items = parse_batch(read_stdin("requests, one a line"), "standard input", Path(), seed)
        return items, options.runs_dir / "stdin"
    return read_batch(file, seed), options.runs_dir / plain_name(file.stem, "batch file")


@contextlib.contextmanager
def _runner(options: RunOptions, folder: Path, concurrency: int) -> Iterator[Agent | BatchRunner]:
    """What runs the requests: an agent in this process, or workers on a cluster."""
    if check_engine(options.engine) == "local":
        agent = options.agent()
        try:
            yield agent
        finally:
            agent.toolbox.close()
        return
    from canvasagent.scale.episodes import BatchFleet

    fleet = BatchFleet(options.agent, settings_from(Limits, options.settings).max_turns, concurrency, folder)
    try:
        yield fleet
    finally:
        fleet.close()


def describe(result: Result) -> dict[str, Any]:
    """The line of `results.jsonl` for a result: its id, and what `run --json` prints."""
    if result.record is not None:
        return {"id": result.id, **summary_of(result.record)}
    return {"id": result.id, **failure(str(result.error))}


class _Tally:
    """Counts results, with a progress bar and a line for each."""

    def __init__(self, bar: Bar, console: Console, total: int) -> None:
        self._console = console
        self.total = total
        self.counts: Counter[str] = Counter()
        self.skipped = 0
        self.code = 0
        self._bar = bar

    @property
    def done(self) -> int:
        """Results so far, skipped ones included."""
        return self.counts.total()

    @property
    def seconds(self) -> float:
        """Seconds since the start of the batch."""
        return self._bar.seconds

    def add(self, result: Result) -> None:
        """Count and print a result."""
        record = result.record
        status = record.status if record is not None else "failed"
        self.counts[status] += 1
        self.code = max(self.code, CODES[status] if result.error is None else exit_code(result.error))
        self.skipped += result.skipped
        self._bar.show(self.done, self.total, known=self.skipped)
        if result.skipped:
            return
        line = Text.assemble((f"{status:<9}", STATUS_STYLE[status]), f" {result.id}")
        why = str(result.error) if result.error else (record.why if record else None) or ""
        why = why or "; ".join(record.unmet if record else [])
        line.append(f"  {short(why, 160)}" if why else "", "dim")
        self._console.print(line)

    def words(self) -> str:
        """The summary in one line."""
        parts = [f"{self.counts[status]} {status}" for status in reversed(_WORST_FIRST) if self.counts[status]]
        ran = self.done - self.skipped
        parts += [f"{self.skipped} of them done before"] if self.skipped else []
        return f"{self.done} of {self.total} requests: {', '.join(parts) or 'none done'} · {self.seconds:.1f} s" + (
            f" · {self._bar.speed(ran)}" if ran else ""
        )


def _ending(options: RunOptions, folder: Path, tally: _Tally, cause: BaseException | None) -> Ending:
    worst = next((status for status in _WORST_FIRST if tally.counts[status]), "failed")
    summary: dict[str, Any] = {
        "status": worst,
        "tasks": tally.total,
        **{status: tally.counts[status] for status in reversed(_WORST_FIRST)},
        "skipped": tally.skipped,
        "seconds": round(tally.seconds, 3),
        "run_dir": str(folder),
        "results": str(folder / RESULTS_NAME),
    }
    console = err()
    console.print(Text(harmless(tally.words()), "bold"))
    if cause is None:
        if not options.json:
            out().print(Text(str(folder / RESULTS_NAME)))
        return Ending(tally.code, summary)
    if isinstance(cause, KeyboardInterrupt):
        return replace(stopped(GOES_ON), payload={**summary, "status": "failed", "error": GOES_ON})
    message = str(cause)
    print_error(message)
    code = exit_code(cause) if isinstance(cause, Exception) else STOPPED
    return Ending(code, {**summary, "status": "failed", "error": message})
