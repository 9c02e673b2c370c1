"""Shared by the commands that build data: the progress display and the final message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvasagent.cli.common import CODES, Ending, out
from canvasagent.cli.progress import Bar

if TYPE_CHECKING:
    from canvasagent.craft.builder import OnProgress, Progress


def shown(bar: Bar) -> OnProgress:
    """A callback that shows the progress of a build on `bar`."""

    def show(made: Progress) -> None:
        rejected = made.rejected.total()
        bar.show(
            made.made, made.requested, known=made.existing, note=f"{rejected:,} attempts rejected" if rejected else ""
        )

    return show


def ended(made: Progress, to: Path, seconds: float, *, json: bool, what: str, cells: str = "", **more: Any) -> Ending:
    """Print the result of a build of `what` in `to`; exit code 3 if some could not be made, counted by `cells`."""
    from canvasagent.craft.funnel import PAGE

    if not json:
        out().print(_words(made, seconds, what, cells), markup=False)
        out().print(f"Report: {to / PAGE}", markup=False)
    whole = made.made == made.requested
    payload = {
        "status": "met" if whole else "unmet", "records": made.made, "asked": made.requested,
        "there_before": made.existing,
        **more, "fallen": dict(made.rejected), "missing": dict(made.missing), "seconds": round(seconds, 3),
        "out": str(to), "report": str(to / PAGE),
    }  # fmt: skip
    return Ending(0 if whole else CODES["unmet"], payload)


def _words(made: Progress, seconds: float, what: str, cells: str) -> str:
    fresh = made.made - made.existing
    parts = [f"{made.made:,} of {made.requested:,} {what}"]
    parts += [f"{made.existing:,} of them there before"] if made.existing else []
    parts += [f"{made.rejected.total():,} attempts rejected"] if made.rejected else []
    missing = ", ".join(f"{count} × {cell}" for cell, count in made.missing.items())
    parts += [f"not made{cells}: {missing}"] if missing else []
    speed = f" · {fresh / seconds * 60:.0f} a minute" if fresh and seconds > 1 else ""
    return f"{', '.join(parts)} · {seconds:.1f} s{speed}"
