"""Which of the things found a phrase means: the largest, the second from the left, those at the top."""

from __future__ import annotations

from dataclasses import dataclass

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.phrases import Query
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


def chosen(found: list[Detection], query: Query, size: Size) -> list[Detection]:
    """Those that the phrase's place, size, ordinal and number pick out."""
    order = _Order(size)
    if query.kind not in {"text"} or query.quoted:
        weigh = query.kind in {"object", "area"}  # a large thing of a colour is meant before a small, purer one
        found = sorted(found, key=lambda item: (-item.score * (_size(item.box) if weigh else 1), item.box))
    if not query.order and not query.ordinal:
        return found[: query.count or None]
    names = query.order or ["left"]
    ranked = sorted(found, key=lambda item: (sum(order(name, item.box) for name in names), item.box))
    if query.ordinal:
        at = query.ordinal - 1 if query.ordinal > 0 else query.ordinal
        return [ranked[at]] if -len(ranked) <= at < len(ranked) else []
    if query.plural and not query.count:
        halves = {"left": 0.5, "right": -0.5, "top": 0.5, "bottom": -0.5}
        return [item for item in ranked if all(order(name, item.box) < halves.get(name, 1.0) for name in names)]
    return ranked[: query.count or 1]
