"""The audit as one page that needs nothing beside it."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.craft.audit.charts import grid, histogram, paired
from canvasagent.craft.audit.gather import Audit, Pair
from canvasagent.craft.audit.looks import TROUBLES
from canvasagent.craft.store import Dataset
from canvasagent.errors import StorageError
from canvasagent.imaging.pictures import encode, shrink

THUMBNAIL_PIXELS = 40_000


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
    rendered: str = _template().render(
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
        pairs=[(pair, *_thumbnails(pair, dataset)) for pair in audit.pairs],
    )
    return rendered


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    here = files(__package__)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.globals["css"] = here.joinpath("audit.css").read_text("utf-8")
    return environment.from_string(here.joinpath("audit.html").read_text("utf-8"))


def _thumbnails(pair: Pair, dataset: Dataset) -> list[str]:
    return [_thumbnail(dataset, key) for key in (pair.first, pair.second)]


def _thumbnail(dataset: Dataset, key: str) -> str:
    """A small copy as a data URI; "" where the picture cannot be read."""
    try:
        small = shrink(dataset.picture(key), THUMBNAIL_PIXELS)
    except StorageError:
        return ""
    return "data:image/png;base64," + base64.b64encode(encode(small, "PNG")).decode()
