"""A chain as data: its variants, with their pictures, slots and steps.

    [[chain]]
    name = "Edit+Grounding+Edit+SR"
    count = 180
    [[chain.way]]
    pictures = [{ drawn = true, small = true }]
    slots = { n = "new", c = "colour for n" }
    steps = [
        { tool = "Edit", act = "add", thing = "$n", where = "?place for n" },
        { tool = "Grounding", act = "locate", thing = "$n" },
        { tool = "Edit", act = "recolor", thing = "$n", color = "$c" },
        { tool = "SR", act = "enhance" },
    ]

`$n` is what a slot holds, as it is called when the step is reached; `?type` draws a value for this one place; anything
else is meant as it stands. What a step works `on` is the picture made last, unless it says: an input (`img_2`) or a
step (`s1`; steps are `s1`, `s2`, … unless they have an `id`). A box comes from the Grounding or OCR step of the same
thing, or from `box`; a mask from the SAM step before, or from `mask`; what is pasted from `content`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.craft.pictures import Need
from canvasagent.craft.plan import Act, Purpose

TOOLS: dict[str, str] = {
    "Edit": "ImageEdit", "Gen": "ImageGeneration", "Overlay": "Overlayer", "Grounding": "Grounding", "SAM": "SAM",
    "Extract": "Extract", "Crop": "Crop", "OCR": "OCR", "Rotate": "Rotate", "Flip": "Flip", "SR": "SR",
    "ImageEdit": "ImageEdit", "ImageGeneration": "ImageGeneration", "Overlayer": "Overlayer",
}  # fmt: skip
"""Wire names by the names that tables print."""

EDITS: dict[str, tuple[str, ...]] = {
    "add": ("thing", "where?"), "remove": ("thing",), "replace": ("thing", "new"), "recolor": ("thing", "color"),
    "resize": ("thing", "size"), "move": ("thing", "where"), "background": ("setting",), "light": ("light",),
    "weather": ("weather",), "style": ("style",), "adjust": ("adjustment",), "rewrite": ("old", "new"),
    "erase": ("text",),
}  # fmt: skip
FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "ImageGeneration": {"generate": ("scene",)},
    "ImageEdit": EDITS,
    "Grounding": {"locate": ("thing",), "verify": ("thing", "expected?")},
    "OCR": {"read": ("text?",), "proofread": ("text",)},
    "SAM": {"segment": ("thing",)},
    "Extract": {"cut out": ("thing",)},
    "Overlayer": {"paste": ("thing?", "where"), "write": ("text", "where?")},
    "Crop": {"crop": ("thing?", "region?", "text?")},
    "Rotate": {"rotate": ("angle",)},
    "Flip": {"flip": ("thing?", "why?")},
    "SR": {"enhance": ()},
}
"""What each tool may be asked for, and the facts that this takes; those with a question mark may be missing."""

TEXT_TOOLS = frozenset({"Grounding", "OCR"})
"""Tools that make words and boxes, but no picture."""


class Spec(BaseModel):
    """Base of what chain files hold: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StepSpec(Spec):
    """One call of a chain, or a place for one of a group of calls."""

    id: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    tool: str
    """As tables print it (`Edit`) or its wire name (`ImageEdit`)."""
    act: Act | None = None
    one_of: str | None = None
    """A group of steps (`[[group.NAME]]`), of which one is drawn, instead of `act`."""
    purpose: Purpose | None = None
    on: str | None = None
    box: str | None = None
    mask: str | None = None
    content: str | None = None
    at: str | None = None
    """Overlay: the thing that the text is laid over, instead of `where`."""
    margin: float = Field(default=0.0, ge=0, le=2)
    """Crop: room around the thing that is kept, as a share of its size on each side."""
    thing: str | None = None
    where: str | None = None
    new: str | None = None
    old: str | None = None
    color: str | None = None
    size: str | None = None
    setting: str | None = None
    light: str | None = None
    weather: str | None = None
    style: str | None = None
    adjustment: str | None = None
    text: str | None = None
    region: str | None = None
    angle: str | None = None
    scene: str | None = None
    expected: str | None = None
    why: str | None = None

    @property
    def wire(self) -> str:
        """Wire name of its tool."""
        return TOOLS[self.tool]

    def facts(self) -> dict[str, str]:
        """The facts that are given, by name."""
        return {name: value for name in FACT_NAMES if (value := getattr(self, name)) is not None}


FACT_NAMES = (
    "thing", "where", "new", "old", "color", "size", "setting", "light", "weather", "style", "adjustment", "text",
    "region", "angle", "scene", "expected", "why",
)  # fmt: skip


class GroupStep(StepSpec):
    """One step of a group; `a` in it is the slot of that name of the way that uses it."""

    tool: str = "Edit"
    weight: float = Field(default=1.0, gt=0)


class Way(Spec):
    """One way to carry a chain out."""

    weight: float = Field(default=1.0, gt=0)
    """How often it is taken beside the other ways."""
    pictures: tuple[Need, ...] = ()
    slots: dict[str, str] = Field(default_factory=dict)
    steps: tuple[StepSpec, ...]
    result: str | None = None
    """The step whose picture is the result; the last one that makes a picture where None."""


class ChainSpec(Spec):
    """A chain as a file holds it."""

    name: str
    count: int = Field(default=1, ge=0)
    """How many trajectories of it the paper has; its weight in a mix."""
    way: tuple[Way, ...] = Field(min_length=1)


class ChainFile(Spec):
    """A file of chains."""

    chain: tuple[ChainSpec, ...] = ()
    group: dict[str, tuple[GroupStep, ...]] = Field(default_factory=dict)


class Chain(Spec):
    """A tool-chain template of CanvasCraft."""

    name: str
    table: Literal[7, 8] | None = None
    """The paper's table that lists it; None: a chain of the user's own."""
    count: int = 1
    ways: tuple[Way, ...]
    groups: dict[str, tuple[GroupStep, ...]] = Field(default_factory=dict)

    @property
    def tools(self) -> tuple[str, ...]:
        """Wire names in order."""
        return tuple(step.wire for step in self.ways[0].steps)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What its commonest way needs of each input picture."""
        return max(self.ways, key=lambda way: way.weight).pictures
