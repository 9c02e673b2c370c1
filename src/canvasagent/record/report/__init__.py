"""The report of a run: one HTML file that needs nothing beside itself, no network and no JavaScript.

Full-size pictures are linked as `assets/<id>.png`.
"""

from __future__ import annotations

from pathlib import Path

from canvasagent import pages
from canvasagent.record.trajectory import Trajectory

REPORT_NAME = "report.html"


def render(trajectory: Trajectory) -> str:
    """The report as HTML. Never raises for what is in the record; pictures that can't be read are shown as such."""
    from canvasagent.record.report.view import view

    return pages.render(Path(__file__).with_name("report.html"), view=view(trajectory))


def write_report(trajectory: Trajectory, path: str | Path) -> None:
    """Write the report to `path`, or to `report.html` in that folder. Raises `StorageError` if it cannot be."""
    file = Path(path) / REPORT_NAME if Path(path).is_dir() else Path(path)
    pages.write_page(file, render(trajectory))
