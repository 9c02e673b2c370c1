"""Where a thing stands in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from canvasagent.sketch.sprite import Place, Sprite


@dataclass(frozen=True)
class Placement:
    """A thing in the picture, in pixels: its box, which way it looks, and how near it is."""

    group: int
    sprite: Sprite
    place: Place
    left: float
    top: float
    width: float
    height: float
    mirrored: bool
    color: str | None = None
    words: str | None = None
    depth: float = 0.0
    """Larger is nearer; things are drawn in this order."""

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge: the feet."""
        return self.top + self.height

    @property
    def center(self) -> tuple[float, float]:
        """The middle of its box."""
        return self.left + self.width / 2, self.top + self.height / 2
