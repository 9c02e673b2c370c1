"""A thing somewhere else in the picture."""

from __future__ import annotations

from dataclasses import replace

from canvasagent.backends.lite.edits._drawn import (
    Request,
    added,
    family,
    hidden_share,
    not_on_photographs,
    own_groups,
    resized,
    shifted,
    without,
)
from canvasagent.backends.lite.edits._phrases import Target, read_target
from canvasagent.backends.lite.edits._spec import Edit, Words
from canvasagent.backends.lite.edits._things import the
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.item import Item
from canvasagent.sketch.reading import Drawing
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.scene import Group, Relation, Scene


def revise(request: Request) -> Drawing | None:
    """The thing, and what stands on it, in its new place; its size stays."""
    targets, target = request.targets(), read_target(request.values["new"])
    if targets is None or target is None:
        return None
    if len(targets) > 1 and target.nudge is None:
        raise ToolRefusal(f"'{request.clause}': {len(targets)} things cannot go to one place; move them one by one.")
    drawing = request.drawing
    if target.nudge is None:
        return _moved(drawing, targets[0], target, request.seed)
    for index in targets:
        drawing = _nudged(drawing, index, target.nudge)
    return drawing


def _nudged(drawing: Drawing, index: int, nudge: tuple[float, float]) -> Drawing:
    width, height = drawing.size
    place = drawing.items[index].placement
    across = min(max(nudge[0] * width, -max(place.left, 0)), max(width - place.right, 0))
    down = min(max(nudge[1] * height, -max(place.top, 0)), max(height - place.bottom, 0))
    if round(across) == 0 and round(down) == 0:
        raise ToolRefusal(f"the {drawing.items[index].name} is at the edge already; there is no room to move it there.")
    return shifted(drawing, family(drawing, index), across, down)


def _moved(drawing: Drawing, index: int, target: Target, seed: int) -> Drawing:
    kin = family(drawing, index)
    rest, item = without(drawing, kin), drawing.items[index]
    old = item.placement
    hosts = [host for phrase in target.hosts for host in the(drawing, phrase) or ()]
    if index in hosts:
        raise ToolRefusal("a thing cannot be moved to where it is itself; name another one.")
    if set(kin) & set(hosts):
        raise ToolRefusal("what a thing shall be moved to stands on it; move that away first.")
    kept = [number for number in range(len(drawing.items)) if number not in kin]
    relations: tuple[Relation, ...] = ()
    if target.relation is not None:
        others = tuple(kept.index(host) for host in hosts)
        relations = (Relation(kind=target.relation, others=others),)  # type: ignore[arg-type]
    group = Group(
        sprite=item.name,
        color=old.color,
        spot=target.spot,  # type: ignore[arg-type]
        place=target.place,  # type: ignore[arg-type]
        relations=relations,
    )
    scene = Scene(groups=(*own_groups(rest), group))
    foot = old.bottom if target.place is None else None
    result = added(rest, scene, [old.height], seed, foot)
    if foot is not None and target.relation is None and hidden_share(result, rest) > 0.15:
        freer = added(rest, scene, [old.height], seed)
        result = min(result, freer, key=lambda option: hidden_share(option, rest))
    at = next(number for number, other in enumerate(result.items) if not any(other is known for known in rest.items))
    new = result.items[at].placement
    exact = resized(replace(new, color=old.color), old.height / new.height, drawing.size)
    exact = replace(exact, width=old.width, height=old.height, top=exact.bottom - old.height)
    if (exact.place in SHADED) == (old.place in SHADED):
        exact = replace(exact, place=old.place)
    moved = [replace(item, placement=exact)]
    across, down = exact.left - old.left, exact.bottom - old.bottom
    for rider in kin[1:]:
        other = drawing.items[rider]
        place = replace(other.placement, left=other.placement.left + across, top=other.placement.top + down)
        moved.append(Item(place, other.label))
    return replace(result, items=(*result.items[:at], *moved, *result.items[at + 1 :]))


_TO = (
    r"(?P<new>(?:(?:a (?:little )?bit |a little |slightly |further |more )?(?:to|into|onto|towards?|on|in|at|up|down|"
    r"left|right|next|beside|behind|between|under|above|over|near|close|below|beneath|underneath|higher|lower|upwards|"
    r"downwards|away)\b.*))"
)
EDIT = Edit(
    summary="moving a drawn thing",
    words=(
        Words(
            patterns=(
                "(?:move|shift|drag|slide|bring|push|put|place|set|relocate|carry|send|position|let) "
                "(?P<where>(?:the|all|both|it|them|my|his|her|that|this)\\b[^,;:]*?) " + _TO,
            ),
        ),
    ),
    examples=(
        "move the dog to the right",
        "move the dog to the top left corner",
        "put the dog next to the tree",
        "move the dog a bit to the left",
    ),
    apply=not_on_photographs,
    needs_place=True,
    blends=False,
    places=("object", "subject", "masked"),
    check=lambda values: read_target(values.get("new", "")) is not None,
    revise=revise,
)
