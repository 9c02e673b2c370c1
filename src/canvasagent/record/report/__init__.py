"""The report of a run: one HTML file that needs nothing beside itself, no network and no JavaScript.

Whatever a policy, a user or a picture's text says is escaped; the page's own content policy forbids
scripts and requests altogether. Full-size pictures are linked as `assets/<id>.png`.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from canvasagent.record.trajectory import Trajectory
from canvasagent.storage.files import write_atomically

REPORT_NAME = "report.html"
_FOLDER = Path(__file__).parent


def render(trajectory: Trajectory) -> str:
    """The report as HTML. Never raises for what is in the record; pictures that can't be read are shown as such."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from canvasagent.record.report.view import view

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_FOLDER / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    page = environment.get_template("report.html")
    return page.render(view=view(trajectory), style=Markup(style), style_hash=f"sha256-{digest}")


def write_report(trajectory: Trajectory, path: str | Path) -> None:
    """Write the report to `path`, or to `report.html` in that folder. Raises `StorageError` if it cannot be."""
    file = Path(path) / REPORT_NAME if Path(path).is_dir() else Path(path)
    write_atomically(file, render(trajectory).encode("utf-8", "replace"))
