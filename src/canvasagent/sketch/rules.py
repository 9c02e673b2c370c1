"""What each relation and spot means in pixels: positions it suggests, and how far a position is from keeping it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from canvasagent.imaging.geometry import Size
from canvasagent.sketch.scene import Group, Relation


class Box(Protocol):
    """Anything with edges in pixels that belongs to a group."""

    @property
    def group(self) -> int: ...
    @property
    def place(self) -> str: ...
    @property
    def left(self) -> float: ...
    @property
    def top(self) -> float: ...
    @property
    def right(self) -> float: ...
    @property
    def bottom(self) -> float: ...


HANGING = frozenset({"sky", "wall", "shelf"})
"""Places where what is under a thing is below it, not between its legs."""

SPOTS: dict[str, tuple[float | None, float | None]] = {
    "left": (0.18, None),
    "right": (0.82, None),
    "top": (None, 0.15),
    "bottom": (None, 0.85),
    "middle": (0.5, None),
    "top left": (0.15, 0.15),
    "top right": (0.85, 0.15),
    "bottom left": (0.15, 0.85),
    "bottom right": (0.85, 0.85),
}
"""Where the middle of a thing goes, as fractions of the picture; None: wherever its place allows."""


def allowed(
    group: Group,
    number: int,
    left: float,
    foot: float,
    wide: float,
    tall: float,
    placed: Sequence[Box],
    size: Size,
    random: np.random.Generator,
) -> tuple[float, float]:
    """A random position moved to where the group's spot and relations want it: left edge and feet."""
    if group.spot == "row":
        step = size[0] / (group.count + 0.3)
        first = next((item for item in placed if _same(item, group, placed, number)), None)
        return (number + 0.65) * step - wide / 2, first.bottom if first is not None else foot
    if group.spot is not None:
        x, y = SPOTS[group.spot]
        jitter = (random.random() - 0.5) * 0.12
        left = left if x is None else (x + jitter) * size[0] - wide / 2
        foot = foot if y is None else y * size[1] + tall / 2
    for relation in group.relations:
        others = [item for item in placed if item.group in relation.others]
        if others:
            left, foot = _suggest(relation, left, foot, wide, tall, others, random, group.count)
    return left, foot


def _same(item: Box, group: Group, placed: Sequence[Box], number: int) -> bool:
    """Whether `item` is an earlier thing of the group that is being placed."""
    return number > 0 and item.group == placed[-1].group


def _suggest(
    relation: Relation,
    left: float,
    foot: float,
    wide: float,
    tall: float,
    others: Sequence[Box],
    random: np.random.Generator,
    count: int,
) -> tuple[float, float]:
    """A position that keeps one relation; several things of a group are given room beside one another."""
    other = others[int(random.integers(len(others)))]
    middle, span = (other.left + other.right) / 2, other.right - other.left
    height, gap = other.bottom - other.top, 0.12 * wide * random.random()
    if count > 1:
        gap += 1.08 * wide * int(random.integers(min(count, 6)))
    if relation.kind == "on":
        reach = max(span - wide, 0.0) / 2 * 0.8
        return middle - wide / 2 + reach * (2 * random.random() - 1), other.top + 0.06 * height
    if relation.kind == "under" and other.place in HANGING:
        return middle - wide / 2, other.bottom + (1.05 + 0.2 * random.random()) * tall
    if relation.kind == "under":
        return middle - wide / 2 + 0.25 * span * (random.random() - 0.5), other.bottom + 0.02 * tall
    if relation.kind == "above":
        return middle - wide / 2 + 0.6 * span * (random.random() - 0.5), other.top - (
            0.08 + 0.2 * random.random()
        ) * tall
    if relation.kind in ("front", "behind"):
        shift = (0.35 + 0.4 * random.random()) * (span if random.random() < 0.5 else -span) * 0.8
        step = 0.1 * tall if relation.kind == "front" else -0.14 * height
        return middle - wide / 2 + shift, other.bottom + step
    if relation.kind == "between":
        low, high = min(item.right for item in others), max(item.left for item in others)
        return (low + high) / 2 - wide / 2, foot * 0.3 + 0.7 * sum(item.bottom for item in others) / len(others)
    reach = 0.4 if other.place in HANGING else 1.5  # beside the sun a house stays on the ground
    level = other.bottom if abs(other.bottom - foot) < reach * max(tall, height) else foot
    if count > 1 and random.random() < 0.6:
        level = foot  # nearer or farther than it, where beside it there is no room for all
    before = relation.kind == "left" or (relation.kind == "next" and random.random() < 0.5)
    edge = min(item.left for item in others) if relation.kind == "left" else other.left
    if before:
        return edge - wide - gap - 0.04 * wide, level
    edge = max(item.right for item in others) if relation.kind == "right" else other.right
    return edge + gap + 0.04 * wide, level


def violation(group: Group, option: Box, number: int, placed: Sequence[Box], size: Size) -> float:
    """How far a position is from keeping the group's relations: 0 if it keeps all, about 1 for each broken one."""
    total = 0.0
    for relation in group.relations:
        others = [item for item in placed if item.group in relation.others]
        if others:
            total += _broken(relation.kind, option, others, size)
    return total


def _broken(kind: str, option: Box, others: Sequence[Box], size: Size) -> float:
    width = size[0]
    if kind == "left":
        return max(0.0, (option.right - min(item.left for item in others)) / width)
    if kind == "right":
        return max(0.0, (max(item.right for item in others) - option.left) / width)
    middle = (option.left + option.right) / 2
    if kind == "between":
        low, high = min(item.right for item in others), max(item.left for item in others)
        return max(0.0, low - option.left, option.right - high) / width
    nearest = min(others, key=lambda item: abs((item.left + item.right) / 2 - middle))
    if kind in ("on", "under", "above"):
        outside = max(0.0, nearest.left - middle, middle - nearest.right) / width
        high = nearest.bottom if kind == "under" else nearest.top + 0.1 * (nearest.bottom - nearest.top)
        return outside + (max(0.0, option.bottom - high) / size[1] if kind != "under" else 0.0)
    if kind == "next":
        return max(0.0, nearest.left - option.right, option.left - nearest.right) / width
    return 0.0
