"""The page of an evaluation: one HTML file that needs nothing beside itself but the runs that it links to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from canvasagent.evaluation.page.view import view
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.tables import Tables

PAGE_NAME = "index.html"
_FOLDER = Path(__file__).parent


def render(folder: Path, setup: Setup, tables: Tables, rows: Sequence[Row]) -> str:
    """The page as HTML; pictures that cannot be read are shown as missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_FOLDER / "page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    template = environment.get_template("page.html")
    return template.render(view=view(folder, setup, tables, rows), style=Markup(style), style_hash=f"sha256-{digest}")
