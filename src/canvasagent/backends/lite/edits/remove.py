"""Take a thing away and fill the hole from its surroundings."""

from __future__ import annotations

from canvasagent.backends.lite.edits._drawn import Request, without
from canvasagent.backends.lite.edits._fill import fill
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words
from canvasagent.sketch.reading import Drawing


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Fill the mask; without one there is nothing to take away."""
    return pixels if job.mask is None else fill(pixels, job.mask, job.seed, banned=job.faces())


def revise(request: Request) -> Drawing | None:
    """The drawing without the things: what was behind them is drawn again."""
    targets = request.targets()
    return None if targets is None else without(request.drawing, targets)


EDIT = Edit(
    summary="removal of a thing that is named or masked",
    words=(
        Words(
            patterns=(
                "(?:remove|erase|delete|get rid of|take out|take away|eliminate|wipe out|clean up|cut out|inpaint|hide|"
                "make disappear|fill in|paint over|photoshop out) {where}(?: (?:from|in|out of) (?:the |this "
                ")?(?:image|picture|photo|scene))?",
                "(?:take|cut|photoshop|edit) {where} (?:out|away)"
                "(?: (?:of|from) (?:it|(?:the |this )?(?:image|"
                "picture|photo|scene)))?",
                "(?:make|let) {where} (?:disappear|vanish|go away)",
            ),
        ),
    ),
    examples=("remove the red circle", "erase the circle from the picture", "get rid of the circle"),
    apply=apply,
    needs_place=True,
    blends=False,
    places=("object", "subject", "masked", "whole"),
    grow=0.012,
    revise=revise,
)
