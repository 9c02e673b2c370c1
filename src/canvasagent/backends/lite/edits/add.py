"""Something new in the picture: beside what is there on drawn pictures, as a sticker on photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from canvasagent.backends.lite.edits._drawn import Request, added, hidden_share, in_pixels, natural_heights, own_groups
from canvasagent.backends.lite.edits._phrases import New, read_new
from canvasagent.backends.lite.edits._spec import Edit, Job, Mask, Pixels, Words
from canvasagent.backends.lite.edits._things import the
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.item import Item
from canvasagent.sketch.layout import add_to
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.reading import Drawing
from canvasagent.sketch.render import SHADED, put
from canvasagent.sketch.scene import MAX_THINGS, Group, Relation, Scene
from canvasagent.sketch.sprite import all_sprites

STICKER = 0.3
"""Height of a sticker, as a share of the photograph's shorter side."""
SHARES = (1.0, 0.8, 0.62)
"""Where there is no room for a new thing in its natural size, it is made smaller by these."""
ROOM = 0.12
"""Share of a thing that others may cover or be covered by."""
_ADD = (
    "(?:add|insert|put|place|draw|include|paint|introduce|bring in|set|throw in|show|give (?:it|us|me)|"
    "there should be|let there be|have)"
)


def revise(request: Request) -> Drawing | None:
    """The new things where the words, or the mask, want them."""
    new = read_new(request.values["thing"])
    drawing = request.drawing
    if new is None:
        return None
    if new.background not in (None, drawing.setting.background):
        there = drawing.setting.background or "a plain ground"
        raise ToolRefusal(f"'{request.clause}': the picture shows {there}, no {new.background}; change that first.")
    count = len(drawing.items) + sum(group.count for group in new.groups)
    if count > MAX_THINGS:
        raise ToolRefusal(f"{count} things are too many for one picture; at most {MAX_THINGS} can be drawn.")
    if request.mask is not None:
        placed = [Item(_within(group, request.mask)) for group in new.groups]
        return replace(drawing, items=(*drawing.items, *placed))
    scene = Scene(groups=(*own_groups(drawing), *_groups(new, drawing)))
    natural = natural_heights(drawing, new.groups)
    for share in SHARES:
        result = added(drawing, scene, [height * share for height in natural], request.seed)
        if hidden_share(result, drawing) < ROOM:
            break
    return result


def _groups(new: New, drawing: Drawing) -> list[Group]:
    """The new groups, with their relations to what is there; indices count the drawing's own things first."""
    offset = len(drawing.items)
    groups = []
    for group in new.groups:
        relations = tuple(
            Relation(kind=relation.kind, others=tuple(other + offset for other in relation.others))
            for relation in group.relations
        )
        groups.append(group.model_copy(update={"relations": relations}))
    hosts = [index for phrase in new.hosts for index in the(drawing, phrase) or ()]
    if hosts and new.relation is not None:
        relation = Relation(kind=new.relation, others=tuple(hosts))  # type: ignore[arg-type]
        groups[0] = groups[0].model_copy(update={"relations": (*groups[0].relations, relation)})
    return groups


def _within(group: Group, mask: Mask) -> Placement:
    """One thing as large as the mask's box lets it be, at its middle."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    sprite = all_sprites()[group.sprite]
    if group.count > 1:
        raise ToolRefusal("only one thing fits into a mask; add them one after another.")
    tall = min((bottom - top) * 0.92, (right - left) * 0.92 / sprite.aspect)
    wide = tall * sprite.aspect
    foot = bottom - 0.06 * (bottom - top) if sprite.info.stands[0] in SHADED else (top + bottom + tall) / 2
    left = (left + right - wide) / 2
    place = sprite.info.stands[0]
    return in_pixels(Placement(0, sprite, place, left, foot - tall, wide, tall, False, group.color, group.words))


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Stickers on a picture that is not drawn: with a paper rim and a soft shadow."""
    new = read_new(job.values["thing"])
    if new is None or new.relation is not None or new.background is not None:
        raise ToolRefusal(
            f"'{job.values['thing']}': where that is cannot be told in a picture that is not drawn here; say a place "
            "in the picture ('on the left'), or give a mask. `--profile full` can put it there."
        )
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    if job.mask is not None and not job.mask.all():
        placed = [_within(group, job.mask) for group in new.groups]
    else:
        # The natural sizes mean nothing beside photographed things: all stickers are of one size.
        tall = [
            min(STICKER * min(width, height) * group.scale, 0.4 * width / all_sprites()[group.sprite].aspect)
            for group in new.groups
        ]
        placed = add_to(Scene(groups=new.groups), [], None, (width, height), job.seed, tall)
    for placement in sorted(placed, key=lambda item: item.depth):
        put(picture, in_pixels(replace(placement, place="sky")), "paper")
    return np.array(picture)


EDIT = Edit(
    summary="adding drawn things (on photographs as stickers)",
    words=(
        Words(
            patterns=(_ADD + " {thing}(?: (?:to|into|in) (?:it|{whole}))?",),
        ),
    ),
    examples=(
        "add a red ball on the left",
        "put a small bird in the sky",
        "add a second cat next to the dog",
        "add two trees",
        "draw a blue balloon in the top right corner",
        "put a rabbit in front of the house",
    ),
    apply=apply,
    blends=False,
    check=lambda values: read_new(values.get("thing", "")) is not None,
    revise=revise,
)
