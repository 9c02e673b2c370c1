"""Day again, on a drawn picture of dusk or night."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing


def revise(request: Request) -> Drawing | None:
    """Everything in the light of day."""
    drawing = request.drawing
    if drawing.setting.light == "day":
        raise ToolRefusal(f"'{request.clause}': it is day in the picture already.")
    return replace(drawing, setting=replace(drawing.setting, light="day"))


_DAY = "(?:day(?: ?time| ?light)?|noon|midday|morning|a (?:bright |sunny )?day)"
EDIT = Edit(
    summary="the light of day on drawn pictures",
    words=(
        Words(
            adjectives=(_DAY,),
            patterns=(
                f"(?:at|by|in|during) (?:the )?{_DAY}",
                "(?:make|let|turn|change|set) (?:it|{whole}|the (?:scene|time(?: of day)?)) "
                "(?:be |into |to |in |at )?"
                f"(?:the )?{_DAY}",
                "(?:let there be|turn on the) (?:day ?)?light",
                "(?:let )?the sun (?:rises?|should rise)",
            ),
        ),
    ),
    examples=("make it day", "change it to daytime"),
    apply=not_on_photographs,
    blends=False,
    places=("whole",),
    revise=revise,
)
