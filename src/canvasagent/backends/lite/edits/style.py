"""The looks of the drawn world: flat, in outlines, as paper cut-outs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing

STYLES: dict[str, str] = {
    "outline": "(?:outlines?|outlined)",
    "paper": "(?:paper|paper cut[- ]?outs?|cut[- ]?out(?: paper)?|cut[- ]?paper|paper collage|stickers?)",
    "flat": "(?:flat|flat colou?rs?|flat design)",
}


def revise(request: Request) -> Drawing | None:
    """Everything in another look."""
    look: Any = next(name for name in STYLES if f"style_{name}" in request.values)
    if look == request.drawing.setting.look:
        raise ToolRefusal(f"'{request.clause}': that is how the picture looks already.")
    return replace(request.drawing, setting=replace(request.drawing.setting, look=look))


def _words(name: str) -> Words:
    said = f"(?P<style_{name}>{STYLES[name]})"
    return Words(
        styles=(f"{said}(?: (?:style|look|drawing|picture))?",),
        things=(f"{said} (?:style|look)",),
        patterns=(
            f"(?:in|as|with|like) (?:an? |the )?{said}(?: (?:style|look))?",
            f"(?:make|give) (?:it|{{whole}}) (?:an? |in )?{said}(?: (?:style|look))?",
        ),
    )


EDIT = Edit(
    summary="the looks flat, outline and paper cut-out on drawn pictures",
    words=tuple(_words(name) for name in STYLES),
    examples=("in outline style", "as a paper cut-out"),
    apply=not_on_photographs,
    blends=False,
    places=("whole",),
    revise=revise,
)
