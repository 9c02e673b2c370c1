"""Writes the results of an evaluation: JSON, flat tables, tables as text, and a page, all from its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from canvasagent.evaluation.flat import write_flat
from canvasagent.evaluation.page import PAGE_NAME, render
from canvasagent.evaluation.rows import Row
from canvasagent.evaluation.runner import Setup
from canvasagent.evaluation.tables import Tables, make_tables
from canvasagent.evaluation.texts import as_latex, as_markdown
from canvasagent.pages import write_page
from canvasagent.storage.files import write_atomically

RESULTS_NAME, MARKDOWN_NAME, LATEX_NAME = "results.json", "table.md", "table.tex"


def write_results(folder: Path, setup: Setup, rows: Sequence[Row], policies: Sequence[str]) -> Tables:
    """Write the files into `folder`. Returns their tables."""
    tables = make_tables(rows, policies)
    data = {"setup": setup.model_dump(), **tables.model_dump(), "rows": [row.model_dump() for row in rows]}
    write_atomically(folder / RESULTS_NAME, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    write_atomically(folder / MARKDOWN_NAME, as_markdown(setup, tables).encode("utf-8"))
    write_atomically(folder / LATEX_NAME, as_latex(setup, tables).encode("utf-8"))
    write_flat(folder, f"{setup.bench}: {', '.join(policies)}", rows)
    write_page(folder / PAGE_NAME, render(folder, setup, tables, rows))
    return tables
