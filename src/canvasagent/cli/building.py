"""How far a build of data is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from canvasagent.cli.common import err

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
