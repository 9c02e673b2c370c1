"""A scene: what is in a drawn picture, before it is laid out and rendered."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.sketch.sprite import Place

RelationKind = Literal["left", "right", "on", "under", "front", "behind", "between", "next", "above"]
Spot = Literal[
    "left", "right", "top", "bottom", "middle", "top left", "top right", "bottom left", "bottom right", "row"
]
WordsForm = Literal["label", "banner", "caption"]
Look = Literal["flat", "outline", "paper"]
Light = Literal["day", "dusk", "night"]
Weather = Literal["rain", "snow", "fog"]

MAX_THINGS = 60
"""Things that one picture may hold."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Relation(_Part):
    """Where a group stands, seen from one or two others."""

    kind: RelationKind
    others: tuple[int, ...] = Field(min_length=1)
    """Indices of the other groups; two for `between`."""


class Group(_Part):
    """One kind of thing, once or several times."""

    sprite: str
    count: int = Field(default=1, ge=1)
    color: str | None = None
    """#rrggbb; the sprite's own where None."""
    scale: float = 1.0
    """Size beside the natural one."""
    spot: Spot | None = None
    place: Place | None = None
    """Where it is, if the prompt says so: in the sky, on the water."""
    relations: tuple[Relation, ...] = ()
    words: str | None = None
    """What is written on it (signs, shop fronts)."""


class Scene(_Part):
    """What is in a picture."""

    groups: tuple[Group, ...] = ()
    background: str | None = None
    """Name of a drawn place."""
    ground: str | None = None
    """#rrggbb of a plain ground, where there is no place."""
    look: Look = "flat"
    light: Light = "day"
    weather: Weather | None = None
    banner: str | None = None
    """Words on a banner across the top."""
    caption: str | None = None
    """Words below the picture's middle, at its lower edge."""

    @property
    def things(self) -> int:
        """How many things there are in all."""
        return sum(group.count for group in self.groups)
