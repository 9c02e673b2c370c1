"""A chain as data: its variants, with their pictures, slots and steps.

    [[chain]]
    name = "Edit+Grounding+Edit+SR"
    count = 180
    [[chain.way]]
    pictures = [{ drawn = true, small = true }]
    slots = { n = "new", c = "colour for n" }
    steps = [
        { act = "add", thing = "$n", where = "?place for n" },
        { act = "locate", thing = "$n" },
        { act = "recolor", thing = "$n", color = "$c" },
        { act = "enhance" },
    ]

`$n` is what a slot holds, as it is called when the step is reached; `?type` draws a value for this one place; anything
else is meant as it stands. What a step works `on` is the picture made last, unless it says: an input (`img_2`) or a
step (`s1`; steps are `s1`, `s2`, … unless they have an `id`). A box comes from the Grounding or OCR step of the same
thing, or from `box`; a mask from the SAM step before, or from `mask`; what is pasted from `content`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canvasagent.craft.acts import acts_of, all_acts
from canvasagent.craft.pictures import Need
from canvasagent.craft.plan import Purpose
from canvasagent.tools import all_tools

SHORT = {"Edit": "ImageEdit", "Gen": "ImageGeneration", "Overlay": "Overlayer"}
"""Wire names by the shorter names that the paper's tables print."""


def wire_name(tool: str) -> str | None:
    """The wire name of a tool as tables print it; None where there is no such tool."""
    name = SHORT.get(tool, tool)
    return name if name in all_tools() else None


class Spec(BaseModel):
    """Base of what chain files hold: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StepSpec(Spec):
    """One call of a chain, or a place for one of a group of calls."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str] = Field(init=False)
    """The facts of the act."""

    id: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    tool: str
    """As tables print it (`Edit`) or its wire name (`ImageEdit`); may be left out where there is an `act`."""
    act: str | None = None
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

    @model_validator(mode="before")
    @classmethod
    def _tool_of_the_act(cls, data: Any) -> Any:
        act = all_acts().get(str(data.get("act"))) if isinstance(data, Mapping) and "tool" not in data else None
        return {**data, "tool": act.tool} if act is not None else data

    @property
    def wire(self) -> str:
        """Wire name of its tool."""
        return wire_name(self.tool) or self.tool

    def facts(self) -> dict[str, str]:
        """The facts that are given, in the order of the act, unknown ones last."""
        given = self.__pydantic_extra__ or {}
        act = acts_of(self.wire).get(self.act or "")
        known = [name.rstrip("?") for name in act.facts] if act is not None else []
        return {name: given[name] for name in (*known, *sorted(given.keys() - set(known))) if name in given}


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
