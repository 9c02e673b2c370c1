"""The asset graph as a layered drawing: inputs at the left, what was made from them to the right.

Layers are longest paths from the inputs; an edge over several layers bends around the nodes
between; the order inside a layer brings neighbours together (barycentre method). The template draws the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from canvasagent.record.model import AssetRecord

NODE = 132
"""Side of the square that holds a thumbnail."""
CAPTION = 40
"""Height of the text below it."""
GAP_X = 98
GAP_Y = 26
BEND = 18
"""Height that a passing edge takes in a layer."""
MARGIN = 14
SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Node:
    """Where an asset stands (top left corner)."""

    record: AssetRecord
    x: float
    y: float
    final: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from parent to child: an SVG path, and where its label goes."""

    source: str
    target: str
    tool: str
    path: str
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole drawing."""

    nodes: list[Node]
    edges: list[Edge]
    width: float
    height: float


@dataclass
class _Slot:
    """A place in a layer: an asset's, or that of an edge that passes by."""

    name: str
    layer: int
    record: AssetRecord | None = None
    before: list[_Slot] = field(default_factory=list)
    after: list[_Slot] = field(default_factory=list)
    y: float = 0.0

    @property
    def height(self) -> float:
        return BEND if self.record is None else NODE + CAPTION

    @property
    def port(self) -> tuple[float, float]:
        """The point that edges meet, at its left; at its right x is `NODE` more."""
        return MARGIN + self.layer * (NODE + GAP_X), self.y + (BEND / 2 if self.record is None else NODE / 2)


def layout(records: Sequence[AssetRecord], final: str | None) -> Graph:
    """Place the assets. Parents that do not come before their child in the record are left out: no circles."""
    parents = _parents(records)
    slots = {name: _Slot(name, layer) for name, layer in _layers(records, parents).items()}
    layers: list[list[_Slot]] = [[] for _ in range(max((slot.layer for slot in slots.values()), default=0) + 1)]
    for record in records:
        slots[record.id].record = record
        layers[slots[record.id].layer].append(slots[record.id])
    routes: list[list[_Slot]] = []
    for record in records:
        for parent in parents[record.id]:
            routes.append(_route(slots[parent], slots[record.id], layers))
    _order(layers)
    height = _place(layers)
    nodes = [Node(record, slots[record.id].port[0], slots[record.id].y, record.id == final) for record in records]
    width = 2 * MARGIN + len(layers) * NODE + (len(layers) - 1) * GAP_X
    return Graph(nodes, [_edge(route) for route in routes], width, height)


def _parents(records: Sequence[AssetRecord]) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for record in records:
        named = record.lineage.parents if record.lineage is not None else []
        # Only parents that precede it: a record edited by hand could hold a cycle, which has no layers.
        known[record.id] = [name for name in dict.fromkeys(named) if name in known]
    return known


def _layers(records: Sequence[AssetRecord], parents: dict[str, list[str]]) -> dict[str, int]:
    """Asset → layer. What a tool made from nothing stands right of the inputs, if there are any."""
    any_inputs = any(record.lineage is None for record in records)
    layers: dict[str, int] = {}
    for record in records:
        above = [layers[name] + 1 for name in parents[record.id]]
        layers[record.id] = max(above, default=int(any_inputs and record.lineage is not None))
    return layers


def _route(source: _Slot, target: _Slot, layers: list[list[_Slot]]) -> list[_Slot]:
    """The slots that an edge goes through, with bends made for the layers between."""
    route = [source]
    for layer in range(source.layer + 1, target.layer):
        bend = _Slot(f"{source.name} {target.name}", layer)
        layers[layer].append(bend)
        route.append(bend)
    route.append(target)
    for left, right in pairwise(route):
        left.after.append(right)
        right.before.append(left)
    return route


def _order(layers: list[list[_Slot]]) -> None:
    """Sort each layer by where its neighbours stand, forth and back a few times."""

    def settle(layer: list[_Slot], side: str) -> None:
        rank = {id(slot): index for index, slot in enumerate(layer)}
        around = {id(slot): [places[id(other)] for other in getattr(slot, side)] for slot in layer}
        middle = {
            key: sum(neighbours) / len(neighbours) if neighbours else rank[key] for key, neighbours in around.items()
        }
        # The present rank breaks ties, so that the order is stable between sweeps.
        layer.sort(key=lambda slot: (middle[id(slot)], rank[id(slot)]))

    # The best order is NP-hard to find; a few sweeps of the barycentre method are good enough for small graphs.
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers[1:] if forth else layers[-2::-1]:
            places = {id(slot): index for other in layers for index, slot in enumerate(other)}
            settle(layer, "before" if forth else "after")


def _place(layers: list[list[_Slot]]) -> float:
    """Give every slot its height in the drawing; returns the drawing's. Short layers stand in the middle."""
    heights = [sum(slot.height for slot in layer) + GAP_Y * max(0, len(layer) - 1) for layer in layers]
    tallest = max(heights, default=0.0)
    for layer, height in zip(layers, heights, strict=True):
        y = MARGIN + (tallest - height) / 2
        for slot in layer:
            slot.y = y
            y += slot.height + GAP_Y
    return tallest + 2 * MARGIN


def _edge(route: list[_Slot]) -> Edge:
    start, end = route[0], route[-1]
    assert end.record is not None and end.record.lineage is not None
    x, y = start.port[0] + NODE, start.port[1]
    path = [f"M{x:.1f} {y:.1f}"]
    for index, slot in enumerate(route[1:], 1):
        left, top = slot.port
        middle = (x + left) / 2
        label = (middle, (y + top) / 2)
        path.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {top:.1f} {left:.1f} {top:.1f}")
        if index < len(route) - 1:
            path.append(f"H{left + NODE:.1f}")
        x, y = left + NODE, top
    return Edge(start.name, end.name, end.record.lineage.tool, " ".join(path), label[0], label[1] - 5)
