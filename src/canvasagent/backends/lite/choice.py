"""Which of the things found a phrase means: the largest, the second from the left, those at the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from canvasagent.backends.base import Detection
from canvasagent.english.noun_phrase import NounPhrase
from canvasagent.imaging.geometry import PixelBox, Size, overlap


def _size(box: PixelBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def without_doubles(found: list[Detection]) -> list[Detection]:
    """Without what was found under two colour names: orange and brown, say, share some hues."""
    kept: list[Detection] = []
    for item in sorted(found, key=lambda item: (-item.score, item.box)):
        if all(overlap(item.box, other.box) < 0.6 for other in kept):
            kept.append(item)
    return kept


def without_small_bits(found: list[Detection]) -> list[Detection]:
    """Without what is tiny beside the largest: a photograph has specks of every colour."""
    largest = max((_size(item.box) for item in found), default=0.0)
    return [item for item in found if _size(item.box) > 0.1 * largest]


@dataclass(frozen=True, slots=True)
class _Order:
    """How far along an order something is; the smaller comes first."""

    size: Size

    def __call__(self, name: str, box: PixelBox) -> float:
        x, y = (box[0] + box[2]) / 2 / self.size[0], (box[1] + box[3]) / 2 / self.size[1]
        area = _size(box) / (self.size[0] * self.size[1])
        by_name = {"left": x, "right": -x, "top": y, "bottom": -y, "large": -area, "small": area}
        return by_name[name] if name in by_name else abs(x - 0.5) + abs(y - 0.5)


def by_score(item: Detection) -> float:
    """How sure it is."""
    return item.score


def by_area(item: Detection) -> float:
    """How sure, times how large: a large thing of a colour is meant before a small, purer one."""
    return item.score * _size(item.box)


def chosen(
    found: list[Detection], phrase: NounPhrase, size: Size, rank: Callable[[Detection], float] | None = by_score
) -> list[Detection]:
    """Those that the phrase's place, size, ordinal and number pick out; the first of a `rank`, or as they come."""
    if rank is not None:
        found = sorted(found, key=lambda item: (-rank(item), item.box))
    if not phrase.order and not phrase.ordinal:
        return found[: phrase.limit or None]
    order, names = _Order(size), phrase.order or ("left",)
    ranked = sorted(found, key=lambda item: (sum(order(name, item.box) for name in names), item.box))
    if phrase.ordinal:
        at = phrase.ordinal - 1 if phrase.ordinal > 0 else phrase.ordinal
        return [ranked[at]] if -len(ranked) <= at < len(ranked) else []
    if phrase.several and not phrase.limit:
        halves = {"left": 0.5, "right": -0.5, "top": 0.5, "bottom": -0.5}
        return [item for item in ranked if all(order(name, item.box) < halves.get(name, 1.0) for name in names)]
    return ranked[: phrase.limit or 1]
