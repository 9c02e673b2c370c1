"""How bad a position of a thing is beside the things that are placed already."""

from __future__ import annotations

from collections.abc import Sequence

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.rules import violation
from canvasagent.sketch.scene import Scene

HIDDEN = 500.0
"""Cost of words, or of a thing, that are wholly hidden."""
COVERED = 0.35
"""Share of a thing that another may hide without need."""
DEEP = frozenset({"on", "under", "front", "behind"})
"""Relations in which one thing is to hide another."""


def cost_of(
    option: Placement, number: int, scene: Scene, placed: list[Placement], size: Size, roams: bool = False
) -> float:
    """How bad a position is: broken relations, then what it covers, then crowding and a place off its spot.

    Where it `roams`, a thing that others stand beside need not be in the middle, and words are to be seen.
    """
    group = scene.groups[option.group]
    cost = 1000.0 * violation(group, option, number, placed, size)
    cost += HIDDEN * hidden_words([*placed, option]) if roams else 0.0
    related = {other for relation in group.relations for other in relation.others}
    for item in placed:
        shared = _shared(option, item)
        smaller = min(option.width * option.height, item.width * item.height)
        close = item.group in related
        cost += (120.0 if close else 300.0) * shared / smaller
        gap = max(item.left - option.right, option.left - item.right, item.top - option.bottom)
        if not close and gap < 0.02 * size[0]:
            cost += 2.0
    for relation_group in scene.groups:  # keep free what later relations need
        for relation in relation_group.relations:
            if option.group in relation.others and relation.kind in ("left", "right", "next", "between"):
                room = min(0.1 * (relation_group.count - 1), 0.3) * {"left": 1, "right": -1}.get(relation.kind, 0)
                weight = (0.0 if roams else 3.0) if relation_group.count == 1 else 60.0
                cost += weight * abs(option.center[0] / size[0] - 0.5 - room)
            if relation.kind == "between" and option.group in relation.others:
                apart = [abs(option.center[0] - item.center[0]) for item in placed if item.group in relation.others]
                cost += 60.0 * max(0.0, 0.45 - min(apart, default=size[0]) / size[0])
    return cost + (0.0 if _supported(option, placed) else 150.0)


def hidden(placed: Sequence[Placement], scene: Scene) -> float:
    """How much is hidden that should be seen, words and things: the sum of shares, 0 where nothing is.

    That two of a kind overlap, or two things of which one is to be on, under, before or behind the other, is no fault.
    """
    total = hidden_words(placed)
    drawn = sorted(placed, key=lambda item: item.depth)
    for number, item in enumerate(drawn):
        area = max(item.width * item.height, 1.0)
        nearer = [other for other in drawn[number + 1 :] if other.group != item.group]
        shares = [_shared(item, other) / area for other in nearer if not _deep(scene, item.group, other.group)]
        total += sum(share for share in shares if share > COVERED)
    return total


def _deep(scene: Scene, one: int, other: int) -> bool:
    """Whether a relation wants one of two groups to hide the other."""
    return any(
        relation.kind in DEEP and there in relation.others
        for here, there in ((one, other), (other, one))
        for relation in scene.groups[here].relations
    )


def hidden_words(placed: Sequence[Placement]) -> float:
    """How much of the words on things lies behind the boxes of nearer things: the sum of shares, 0 where none does."""
    drawn = sorted(placed, key=lambda item: item.depth)
    total = 0.0
    for number, item in enumerate(drawn):
        box = _words_box(item)
        if box is not None:
            area = (box[2] - box[0]) * (box[3] - box[1])
            total += sum(_common(box, _box(other)) for other in drawn[number + 1 :]) / max(area, 1.0)
    return total


def _words_box(item: Placement) -> tuple[float, float, float, float] | None:
    """Where its words are in the picture; None where it has none."""
    sprite = item.sprite
    if not item.words or sprite.info.text_box is None:
        return None
    left, top, width, height = sprite.info.text_box
    left = sprite.width - left - width if item.mirrored else left
    across, down = item.width / sprite.width, item.height / sprite.height
    x, y = item.left + left * across, item.top + top * down
    return x, y, x + width * across, y + height * down


def _supported(option: Placement, placed: Sequence[Placement]) -> bool:
    """Whether a thing beside one that stands on another has something below it too."""
    across = option.center[0]
    for neighbour in placed:
        if neighbour.place != "table" or abs(neighbour.bottom - option.bottom) > 1:
            continue
        hosts = [item for item in placed if item.top < neighbour.bottom < item.bottom and item is not neighbour]
        below = [host for host in hosts if host.left <= neighbour.center[0] <= host.right]
        if below and not any(host.left <= across <= host.right for host in below):
            return False
    return True


def _shared(one: Placement, other: Placement) -> float:
    return _common(_box(one), _box(other))


def _box(item: Placement) -> tuple[float, float, float, float]:
    return item.left, item.top, item.right, item.bottom


def _common(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The area that two boxes share."""
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)
