"""A plan: which calls fulfil a request, what feeds what, and what each one is for.

Chains are bound to pictures as plans; writers put plans into words; the gold policy executes them. Everything is
data, so a plan is kept with the record that it led to.

What a step is for is its act (`craft/acts`); the facts that it carries are words as a person would say them, without
articles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from canvasagent.craft.pictures import Part, Picture, Thing

Purpose = Literal["asked", "needed", "check", "answer"]
"""Why a step exists: the request asks for it; a later step needs it; it verifies; it finds the answer."""


class _Marked(Part):
    """A value identified by its `kind`, which is therefore written even where defaults are left out."""

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": getattr(self, "kind"), **handler(self)}  # noqa: B009


class Made(_Marked):
    """The asset that a step made."""

    kind: Literal["made"] = "made"
    step: str


class Found(_Marked):
    """A box that a Grounding or OCR step found."""

    kind: Literal["found"] = "found"
    step: str
    text: str | None = None
    """The text of the line (OCR); None: the first line."""
    nth: int = 0
    """Its position, most certain first (Grounding)."""
    through: tuple[str, ...] = ()
    """Flip, Rotate, Crop and SR steps made since then; the box is adjusted to each."""
    margin: float = 0.0
    """Room around it that is taken along, as a share of its width and height on each side."""


Value = Annotated[Made | Found, Field(discriminator="kind")] | str | int | float | bool | tuple[int, ...]
"""An argument: what a step made or found, or itself. An input picture is named by its id: `img_1`. What was found is
given as its box; as a `position`, by the middle of its box."""


class Step(Part):
    """One call."""

    id: str
    tool: str
    """Wire name."""
    arguments: dict[str, Value]
    act: str
    """The name of an act."""
    facts: dict[str, str] = Field(default_factory=dict)
    purpose: Purpose = "asked"


class Condition(Part):
    """The condition of a branch, decided by a step's observation."""

    kind: Literal["present", "count", "text present", "text says", "upside down"]
    step: str
    """The Grounding or OCR step that decides."""
    facts: dict[str, str] = Field(default_factory=dict)
    """thing; thing, at least; (none); text; (none)."""
    holds: bool
    """Its value on the plan's pictures."""


class Branch(Part):
    """Steps that depend on what a tool found. Only the branch that holds is executed; both are in the request."""

    condition: Condition
    yes: tuple[Step | Branch, ...] = ()
    no: tuple[Step | Branch, ...] = ()


Node = Step | Branch


class Plan(Part):
    """A request before it has words."""

    chain: str
    """Name of the chain that it came from: `Grounding+Flip+OCR+Edit`."""
    pictures: tuple[Picture, ...] = ()
    """The input pictures, `img_1` first."""
    nodes: tuple[Node, ...]
    result: str | None = None
    """The step whose asset is the result; None where only words are asked for."""
    checks: tuple[dict[str, Any], ...] = ()
    """Verifiable statements on the result (`canvasagent.rewards.checks`)."""

    def path(self) -> tuple[Step, ...]:
        """The steps that are executed on the plan's pictures, in order."""
        return tuple(_walk(self.nodes))

    def tools(self) -> tuple[str, ...]:
        """Wire names of the tools along the path, in order."""
        return tuple(step.tool for step in self.path())

    def thing_meant(self, phrase: str) -> Thing | None:
        """The thing of the input pictures that a phrase or a name picks out."""
        things = (thing for picture in self.pictures for thing in picture.contents.things)
        return next((thing for thing in things if phrase in (thing.phrase, thing.name)), None)

    def name_of(self, phrase: str) -> str | None:
        """The noun of a phrase; the phrase itself if it is one word."""
        thing = self.thing_meant(phrase)
        return thing.name if thing is not None else (phrase or None) if " " not in phrase else None

    def branches(self) -> tuple[Branch, ...]:
        """Every branch, outer ones first."""
        return tuple(_branches(self.nodes))


def _walk(nodes: tuple[Node, ...]) -> Iterator[Step]:
    for node in nodes:
        if isinstance(node, Step):
            yield node
        else:
            yield from _walk(node.yes if node.condition.holds else node.no)


def _branches(nodes: tuple[Node, ...]) -> Iterator[Branch]:
    for node in nodes:
        if isinstance(node, Branch):
            yield node
            yield from _branches(node.yes)
            yield from _branches(node.no)
