"""Fitting drawn things to a picture: each is drawn again and moved by whole pixels until it agrees with the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.sketch.item import Box, Item, paste, text_window
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.render import SHADED
from canvasagent.sketch.scene import Look
from canvasagent.sketch.setting import Array, Setting

WRONG = 30
"""A pixel that differs by more is no worse than one that differs by so much: something else is there."""
_ROUNDS, _PASSES = 6, 2
"""How often the best of all moves is looked for at each step; how often each move is tried on what is nearly fitted."""

Move = tuple[int, int, int, int]
"""What is added to left, top, width and height."""
_MOVES: tuple[Move, ...] = (
    (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
    (0, 0, 0, -1), (1, 0, -1, 0), (-1, 0, 1, 0), (0, 1, 0, -1), (0, -1, 0, 1), (-1, 0, 2, 0), (1, 0, -2, 0),
    (0, -1, 0, 2), (0, 1, 0, -2),
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """The picture in daylight, and what is behind its things."""

    clear: Array
    levels: Array
    """The same in uint8."""
    ground: Image.Image | None
    look: Look

    @staticmethod
    def of(pixels: Array, setting: Setting) -> View:
        """The view of a picture, (height, width, 3) uint8, in a setting."""
        height, width = pixels.shape[:2]
        ground = setting.picture((width, height)) if setting.known else None
        factor, offset = setting.air(height)
        if (factor == 1).all() and not offset.any():  # day, and nothing in the air: most drawings, without any work
            return View(pixels, pixels, ground, setting.look)
        clear = (pixels - offset) / factor
        levels = np.clip(np.rint(clear), 0, 255).astype(np.uint8)
        return View(clear, levels, ground, setting.look)

    def likelier(self, placement: Placement, looks: tuple[Look, ...]) -> Look:
        """The look in which a thing agrees best with the picture."""
        window = self.window(placement, 12)
        return min(looks, key=lambda look: self.cost([Item(placement)], window, look))

    def window(self, placement: Placement, reach: int) -> Box:
        """The thing's box and what is round it, within the picture."""
        height, width = self.clear.shape[:2]
        below = reach + round(0.1 * placement.height)
        return (
            max(round(placement.left) - reach, 0),
            max(round(placement.top) - reach, 0),
            min(round(placement.right) + reach + round(0.1 * placement.width), width),
            min(round(placement.bottom) + below, height),
        )

    def cost(self, items: Sequence[Item], window: Box, look: Look | None = None) -> float:
        """How far the picture is, within the window, from one with these things."""
        left, top, right, bottom = window
        if self.ground is None or right <= left or bottom <= top:
            return 0.0
        part = self.ground.crop(window)
        for item in items:
            paste(part, item, (left, top), look or self.look, min(self.ground.size))
        first, second, third = cv2.split(cv2.absdiff(np.asarray(part), self.levels[top:bottom, left:right]))
        away = cv2.max(cv2.max(first, second), third)
        return float(cv2.threshold(away, WRONG, 0, cv2.THRESH_TRUNC)[1].sum())

    def fitted(self, placement: Placement) -> Placement:
        """The thing moved and stretched by whole pixels to where it agrees best, with its shadow or without."""
        if self.ground is None:
            return placement
        longest = max(self.clear.shape[:2])
        reach = 2 + longest // 400
        window = self.window(placement, 2 * reach + 2)
        best, least = placement, self.cost([Item(placement)], window)
        steps = [step for step in (4, 2, 1) if step <= reach]
        for step in steps:
            for _ in range(_ROUNDS):
                check_cancelled()
                tried = [
                    (self.cost([Item(moved)], window), moved)
                    for move in _MOVES
                    if (moved := _moved(best, move, step)) is not None
                ]
                cost, moved = min(tried, key=lambda pair: pair[0])
                if cost >= least:
                    break
                best, least = moved, cost
        other = replace(best, place="sky" if best.place in SHADED else "ground")
        return other if self.cost([Item(other)], window) < least else best

    def adjusted(self, placement: Placement) -> Placement:
        """A thing that is in place but for a pixel or two, moved and stretched by single pixels to where it is.

        Each step that helps is taken at once: that is quicker than looking for the best of them as `fitted` does.
        """
        if self.ground is None:
            return placement
        window = self.window(placement, 4)
        best, least = placement, self.cost([Item(placement)], window)
        for _ in range(_PASSES):
            before = best
            for move in _MOVES:
                check_cancelled()
                moved = _moved(best, move, 1)
                if moved is not None and (cost := self.cost([Item(moved)], window)) < least:
                    best, least = moved, cost
            if best is before:
                break
        return best

    def needed(self, item: Item, items: Sequence[Item]) -> bool:
        """Whether the picture is better explained with the item than without it."""
        if self.ground is None:
            return True
        window = self.window(item.placement, 2)
        others = [other for other in items if other is not item]
        return self.cost(items, window) < 0.97 * self.cost(others, window)

    def labelled(self, item: Item) -> Item:
        """The item with what is written on it."""
        window = text_window(item)
        if window is None or self.ground is None:
            return item
        left, top, right, bottom = window
        height, width = self.clear.shape[:2]
        if left < 0 or top < 0 or right > width or bottom > height or right - left < 4 or bottom - top < 4:
            return item
        plain = Image.new("RGB", (right - left, bottom - top))
        paste(plain, item, (left, top), "flat", min(self.ground.size))
        seen = self.clear[top:bottom, left:right]
        away = np.abs(np.asarray(plain, np.float32) - seen).max(axis=2) > WRONG
        if away.mean() < 0.02:
            return item
        return replace(item, label=Image.fromarray(np.clip(np.rint(seen), 0, 255).astype(np.uint8)))


def _moved(placement: Placement, move: Move, step: int) -> Placement | None:
    """The thing moved, or one of its edges; None where nothing of it would be left."""
    across, down, wide, tall = (part * step for part in move)
    width, height = placement.width + wide, placement.height + tall
    if width < 1 or height < 1:
        return None
    return replace(placement, left=placement.left + across, top=placement.top + down, width=width, height=height)
