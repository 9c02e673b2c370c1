"""A thing larger or smaller."""

from __future__ import annotations

import re
from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs, resized, shifted, with_item
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.backends.lite.edits._things import riders
from canvasagent.sketch.reading import Drawing

_HALF = re.compile(r"\b(?:half|halve)\b", re.IGNORECASE)
_DOUBLE = re.compile(r"\b(?:double|twice the)\b", re.IGNORECASE)


def revise(request: Request) -> Drawing | None:
    """The feet stay where they are, and what stands on the thing stays on it."""
    targets = request.targets()
    if targets is None:
        return None
    drawing, factor = request.drawing, factor_of(request.clause, request.strength, request.sign)
    for index in targets:
        old = drawing.items[index].placement
        new = resized(old, factor, drawing.size)
        carried = riders(drawing, index)
        drawing = with_item(drawing, index, replace(drawing.items[index], placement=new))
        drawing = shifted(drawing, carried, 0, new.top - old.top)
    return drawing


def factor_of(clause: str, strength: float, sign: int) -> float:
    """What the height is multiplied by: "twice as large" is 2, "30 % smaller" 0.7, "smaller" two thirds."""
    if _HALF.search(clause):
        return 0.5
    if _DOUBLE.search(clause):
        return 2.0
    if sign > 0:
        return 1.0 + strength
    percent = "%" in clause or "percent" in clause.lower()
    return max(1.0 - strength, 0.1) if percent else 1.0 / (1.0 + strength)


_SCALE = "(?:make|scale|resize|turn|blow|draw)"
EDIT = Edit(
    summary="resizing a drawn thing",
    words=(
        Words(
            adjectives=("(?:bigger|larger|big|large|huge|taller|giant|enormous)(?: in size)?",),
            verbs=("enlarge|magnify|grow|scale up|blow up|increase the size of|double the size of|double",),
            patterns=(
                _SCALE + " {where} (?:to )?(?:twice|double|two times|2 ?x) (?:the|its|their) size",
                _SCALE + " {where} {amt}up",
            ),
        ),
        Words(
            sign=-1,
            adjectives=("(?:smaller|small|tiny|little|tinier)(?: in size)?", "half as (?:big|large|tall)"),
            verbs=("shrink|scale down|reduce the size of|halve the size of|halve|decrease the size of",),
            patterns=(_SCALE + " {where} (?:to )?half (?:of )?(?:the|its|their) size", _SCALE + " {where} {amt}down"),
        ),
    ),
    examples=(
        "make the dog bigger",
        "make the dog twice as large",
        "make the dog smaller",
        "shrink the dog",
        "make the dog half its size",
    ),
    apply=not_on_photographs,
    strength=0.5,
    needs_place=True,
    blends=False,
    places=("object", "subject", "masked"),
    revise=revise,
)
