"""A thing turned to look the other way."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs, with_item
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing


def revise(request: Request) -> Drawing | None:
    """The thing mirrored where it stands; words on it stay readable."""
    targets = request.targets()
    if targets is None:
        return None
    drawing, side = request.drawing, request.values.get("side", "").lower()
    turned = 0
    for index in targets:
        item = drawing.items[index]
        facing = item.placement.sprite.info.facing
        if side and facing == "front":
            raise ToolRefusal(
                f"a {item.name} looks to the front here and has no side; 'flip the {item.name}' mirrors it."
            )
        if side and (facing == side) != item.placement.mirrored:
            continue
        placement = replace(item.placement, mirrored=not item.placement.mirrored)
        drawing = with_item(drawing, index, replace(item, placement=placement))
        turned += 1
    if not turned:
        raise ToolRefusal(f"'{request.clause}': that is how it looks already.")
    return drawing


EDIT = Edit(
    summary="turning a drawn thing round",
    words=(
        Words(
            patterns=(
                "(?:flip|mirror|reverse) {where}(?: horizontally| around)?",
                "(?:turn|face|flip) {where} (?:around|round|the other way(?: around| round)?)",
                "(?:make|let|have) {where} (?:look|face|turn|go|drive) (?:to the |towards the )?(?P<side>left|right)",
                "(?:turn|face) {where} (?:to|towards) the (?P<side>left|right)",
                "(?:make|let|have) {where} (?:look|face|turn) the other way",
            ),
        ),
    ),
    examples=("flip the dog", "turn the dog around"),
    apply=not_on_photographs,
    needs_place=True,
    blends=False,
    places=("object", "subject", "masked"),
    revise=revise,
)
