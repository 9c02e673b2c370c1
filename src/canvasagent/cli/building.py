"""What the commands that build data share: how far a build is (a bar on a terminal, else lines), and its end."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from canvasagent.cli.common import CODES, Ending, err, out

if TYPE_CHECKING:
    from canvasagent.craft.building import Progress

LINES = 20
"""Lines that a whole build prints where no bar can be drawn."""


class Watch:
    """Shows what a build tells; `seconds` since it was begun."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = err()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("Building", total=total)
        self._console, self._total, self._lines = console, total, 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since the build was begun."""
        return time.monotonic() - self._started

    def tell(self, made: Progress) -> None:
        """Show how far it is."""
        fallen = made.fallen.total()
        said = f"Building ({fallen} fell)" if fallen else "Building"
        self._bar.update(self._task, completed=made.made, description=said)
        lines = made.made * LINES // self._total
        if self._bar.disable and lines > self._lines:
            self._lines = lines
            speed = (made.made - made.found) / self.seconds * 60
            told = f", {fallen:,} tries fell" if fallen else ""
            self._console.print(f"{made.made:,} of {self._total:,}{told}, {speed:.0f} a minute", markup=False)


def ended(made: Progress, to: Path, seconds: float, *, json: bool, what: str, cells: str = "", **more: Any) -> Ending:
    """Tell what came of a build of `what` in `to`; code 3 where some could not be made, `cells` says by what."""
    from canvasagent.craft.funnel import PAGE

    if not json:
        out().print(_words(made, seconds, what, cells), markup=False)
        out().print(f"Report: {to / PAGE}", markup=False)
    whole = made.made == made.asked
    payload = {
        "status": "met" if whole else "unmet", "records": made.made, "asked": made.asked, "there_before": made.found,
        **more, "fallen": dict(made.fallen), "missing": dict(made.missing), "seconds": round(seconds, 3),
        "out": str(to), "report": str(to / PAGE),
    }  # fmt: skip
    return Ending(0 if whole else CODES["unmet"], payload)


def _words(made: Progress, seconds: float, what: str, cells: str) -> str:
    fresh = made.made - made.found
    told = [f"{made.made:,} of {made.asked:,} {what}"]
    told += [f"{made.found:,} of them there before"] if made.found else []
    told += [f"{made.fallen.total():,} tries fell"] if made.fallen else []
    missing = ", ".join(f"{count} × {cell}" for cell, count in made.missing.items())
    told += [f"not made{cells}: {missing}"] if missing else []
    speed = f" · {fresh / seconds * 60:.0f} a minute" if fresh and seconds > 1 else ""
    return f"{', '.join(told)} · {seconds:.1f} s{speed}"
