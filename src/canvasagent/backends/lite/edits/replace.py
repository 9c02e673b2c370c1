"""One thing for another, in the same place."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import Request, not_on_photographs, resized, with_item
from canvasagent.backends.lite.edits._phrases import single
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.sketch.item import Item
from canvasagent.sketch.layout import natural_share
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.reading import Drawing
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.scene import Group
from canvasagent.sketch.sprite import all_sprites


def revise(request: Request) -> Drawing | None:
    """The new things stand where the old ones stood, as large as they are beside them by nature."""
    targets, group = request.targets(), single(request.values["new"])
    if targets is None or group is None:
        return None
    drawing = request.drawing
    for index in targets:
        old = drawing.items[index]
        item = Item(_instead(old.placement, group, drawing.size))
        if item.placement.sprite.info.text_box is not None:
            item = replace(item, label=old.label)
        drawing = with_item(drawing, index, item)
    return drawing


def _instead(old: Placement, group: Group, size: tuple[int, int]) -> Placement:
    sprite = all_sprites()[group.sprite]
    tall = old.height * natural_share(sprite) / natural_share(old.sprite) * group.scale
    wide = tall * sprite.aspect
    faces_left = old.mirrored != (old.sprite.info.facing == "left")
    turned = sprite.info.facing != "front" and faces_left != (sprite.info.facing == "left")
    place = old.place if old.place in SHADED or sprite.info.stands[0] not in SHADED else "sky"
    left, top = old.left + (old.width - wide) / 2, old.bottom - tall
    if place not in SHADED:
        top = old.top + (old.height - tall) / 2
    new = Placement(0, sprite, place, left, top, wide, tall, turned, group.color)
    return resized(new, 1.0, size)


EDIT = Edit(
    summary="replacing a drawn thing by another",
    words=(
        Words(
            patterns=(
                "(?:replace|substitute|exchange|swap|switch|trade)(?: out)? {where} (?:with|by|for|against|to) {new}",
                "(?:turn|change|make|transform|convert) {where} (?:into|to) {new}",
                "(?:put|place|draw|use|show) {new} (?:in place of|instead of|where) {where}(?: (?:is|are))?",
                "(?:instead of|in place of) {where},? (?:put|place|draw|use|show|i want) {new}",
                "{where} should be {new}",
            ),
        ),
    ),
    examples=(
        "replace the cat with a rabbit",
        "swap the car for a bus",
        "turn the dog into a blue elephant",
        "put a tree instead of the house",
    ),
    apply=not_on_photographs,
    needs_place=True,
    blends=False,
    places=("object", "subject", "masked", "whole"),
    check=lambda values: single(values.get("new", "")) is not None,
    revise=revise,
)
