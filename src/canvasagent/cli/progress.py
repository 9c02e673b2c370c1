"""Progress of long commands: a bar on a terminal, a line per twentieth elsewhere."""

from __future__ import annotations

import time
from typing import Self

from canvasagent.cli.common import err

LINES = 20
"""Number of progress lines without a terminal."""


class Bar:
    """Counts `what` up to `total`, as a context; with `lines=False` the command prints lines of its own."""

    def __init__(self, what: str, total: int | None = None, *, lines: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = err()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, note="")
        self._lines = lines and not self._console.is_terminal
        self._what, self._printed, self._started = what, 0, time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def speed(self, done: int) -> str:
        """The speed in words; empty if nothing was done."""
        return f"{done / self.seconds * 60:.1f} a minute" if done and self.seconds > 0 else ""

    def show(self, done: int, total: int, *, known: int = 0, note: str = "") -> None:
        """`done` of `total`, of which `known` were done before this command began."""
        text = ", ".join(part for part in (note, self.speed(done - known)) if part)
        self._bar.update(self._task, completed=done, total=total, note=text)
        line = done * LINES // max(total, 1)
        if self._lines and line > self._printed:
            self._printed = line
            self._console.print(f"{done:,} of {total:,} {self._what}{', ' if text else ''}{text}", markup=False)
