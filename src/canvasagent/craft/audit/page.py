"""The audit as one page that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.audit.charts import grid, histogram, paired
from canvasagent.craft.audit.gather import Audit
from canvasagent.craft.audit.looks import TROUBLES
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.thumbnails import thumbnail
from canvasagent.pages import render

THUMBNAIL_SIDE = 256
"""Longest side of a picture on the page, in pixels."""


def page(audit: Audit, dataset: Dataset) -> str:
    """The page's HTML."""
    levels = [line.model_copy(update={"name": f"{axis} {line.name}"}) for axis in "RLD" for line in audit.table_3[axis]]
    shown = [line for line in audit.table_8 if line.here] or audit.table_8
    charts = [
        ("Calls a record", histogram(audit.calls, "calls")),
        ("Words of a request", histogram(audit.request_words, "words")),
        ("Input pictures a record", histogram(audit.inputs, "pictures")),
        ("Longer side of the pictures, pixels", histogram(audit.sides, "pixels")),
    ]
    if audit.reason_words:
        charts.insert(2, ("Words of a reason", histogram(audit.reason_words, "words")))
    return render(
        Path(__file__).with_name("audit.html"),
        audit=audit,
        name=dataset.folder.resolve().name,
        settings={name: value for name, value in dataset.settings.items() if name != "counts"},
        manifest=dataset.manifest,
        troubles=TROUBLES,
        total=sum(audit.counts.values()),
        charts=charts,
        together=grid(audit.having, audit.together),
        levels=paired(levels, "Table 3"),
        chains=paired(audit.table_7, "Table 7"),
        hard=paired(shown, "Table 8"),
        pairs=[
            (pair, [thumbnail(dataset, key, THUMBNAIL_SIDE) for key in (pair.first, pair.second)])
            for pair in audit.pairs
        ],
    )
