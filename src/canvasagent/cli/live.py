"""Watching a run: each turn as it comes, pictures where the terminal can show them, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from canvasagent.cli.terminal import harmless
from canvasagent.cli.thumbnails import can_show, thumbnail
from canvasagent.cli.words import COLUMNS, asset_words, call_words, print_turn
from canvasagent.protocol.turns import parse
from canvasagent.record.events import Event

if TYPE_CHECKING:
    from canvasagent.record.trajectory import Trajectory

QUICK = 0.4
"""Seconds until the line with the current activity appears."""
SLOW = 2.0
"""Seconds until that line shows the elapsed time."""
STREAM_LINES = 4
"""Lines of the policy's streamed text that are shown."""


class RunView(Protocol):
    """Shows a run while it runs."""

    def __enter__(self) -> RunView: ...

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, event: Event) -> None:
        """Show an event."""


def view_for(console: Console) -> RunView:
    """The view that suits `console`: live on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal else PlainView(console)


class PlainView:
    """Prints each turn when it has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Print an event."""
        if event.kind == "started":
            for note in event.trajectory.notes:
                self._console.print(Text(f"Note: {harmless(note)}"))
        if event.kind == "observed" and event.turn is not None:
            print_turn(self._console, event.turn, event.trajectory)


class LiveView:
    """Shows turns with pictures, and below them the current activity."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pictures = can_show(console)
        self._spinner = Spinner("dots" if console.encoding.startswith("utf") else "line", style="cyan")
        self._turn = 1
        self._doing = ""
        self._written = ""
        self._pieces = 0
        self._since = time.monotonic()
        self._live = Live(get_renderable=self._now, console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> LiveView:
        self._begin("starting")
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._doing = ""
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.kind == "started":
            self._show_start(event.trajectory)
            self._turn = len(event.trajectory.turns) + 1
            self._begin(f"turn {self._turn}: {event.trajectory.policy} is thinking")
        elif event.kind == "text":
            self._pieces += 1
            self._doing = f"turn {self._turn}: {event.trajectory.policy} is writing"
            self._written += event.text
        elif event.kind == "replied":
            call = parse(event.text).call
            self._begin(f"turn {self._turn}: " + (call_words(call.name, call.arguments) if call else "finishing"))
        elif event.kind == "observed" and event.turn is not None:
            self._show_turn(event)
            self._turn += 1
            self._begin(f"turn {self._turn}: {event.trajectory.policy} is thinking")
        elif event.kind == "finished":
            self._doing = ""

    def _begin(self, doing: str) -> None:
        self._doing, self._since = doing, time.monotonic()
        self._written, self._pieces = "", 0

    def _now(self) -> RenderableType:
        """The lines below the turns, redrawn several times a second."""
        passed = time.monotonic() - self._since
        if not self._doing or passed < QUICK:
            return Text()
        seconds = f"  {passed:.0f} s" if passed >= SLOW else ""
        width = max(20, self._console.width - 12)
        doing = self._doing if len(self._doing) <= width else self._doing[: width - 1] + "…"
        self._spinner.update(text=Text.assemble((doing, "cyan"), (seconds, "dim")))
        if self._pieces < 2:  # not streamed, or just begun
            return self._spinner
        lines = Text(harmless(self._written), "dim").wrap(self._console, width)[-STREAM_LINES:]
        return Group(Padding(Text("\n").join(lines), (0, 0, 0, 4)), self._spinner)

    def _show_start(self, record: Trajectory) -> None:
        for note in record.notes:
            self._console.print(Text(f"Note: {harmless(note)}", "yellow"))
        inputs = [asset for asset in record.assets if asset.origin == "input" or asset.id == record.continued_result]
        if self._pictures and inputs and not record.turns:
            shown = [
                Group(Text(asset_words(asset), "dim"), thumbnail(record.picture(asset.id))) for asset in inputs[:4]
            ]
            self._console.print(Padding(Columns(shown, padding=(0, 3)), (0, 0, 1, 4)))

    def _show_turn(self, event: Event) -> None:
        assert event.turn is not None
        shown = event.asset is not None and self._pictures
        picture = thumbnail(event.asset.picture, COLUMNS) if shown and event.asset is not None else None
        print_turn(self._console, event.turn, event.trajectory, picture=picture)
