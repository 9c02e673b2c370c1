"""The page of an evaluation: one self-contained HTML file with links to the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from canvasagent import pages
from canvasagent.evaluation.page.view import view
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.tables import Tables

PAGE_NAME = "index.html"


def render(folder: Path, setup: Setup, tables: Tables, rows: Sequence[Row]) -> str:
    """The page as HTML; pictures that cannot be read are shown as missing."""
    return pages.render(Path(__file__).with_name("evaluation.html"), view=view(folder, setup, tables, rows))
