"""What the commands that build data share: how far a build is, and its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvasagent.cli.common import CODES, Ending, out
from canvasagent.cli.progress import Bar

if TYPE_CHECKING:
    from canvasagent.craft.building import Progress, Tell


def shown(bar: Bar) -> Tell:
    """Shows on `bar` how far a build is."""

    def tell(made: Progress) -> None:
        fallen = made.fallen.total()
        bar.tell(made.made, made.asked, known=made.found, note=f"{fallen:,} tries fell" if fallen else "")

    return tell


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
