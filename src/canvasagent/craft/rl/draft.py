"""A plan that is being composed: its steps so far, what its pictures show by now, and what was spoken of.

Steps are bound as those of chains are (`plan_builder`). The side of a branch that is not carried out is a draft of
its own, begun from the same pictures, whose steps are kept and whose pictures are forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from canvasagent.craft.acts import text_tools
from canvasagent.craft.pictures import Picture
from canvasagent.craft.plan import Node, Purpose, Step
from canvasagent.craft.plan_builder import Order, PlanBuilder
from canvasagent.craft.slots import Entity, Slot, Unfit, draw
from canvasagent.craft.views import PictureState, ThingState


@dataclass
class Shared:
    """What the sides of a plan have in common."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    claimed: set[str] = field(default_factory=set)
    """Things and texts that a part of the request changes or turns on: no other part speaks of them."""
    once: set[str] = field(default_factory=set)
    """Acts on the whole picture that were asked for: none is asked for again."""


@dataclass
class Draft:
    """A course of steps."""

    builder: PlanBuilder
    random: Random
    shared: Shared
    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def of(cls, pictures: tuple[Picture, ...], random: Random) -> Draft:
        """An empty draft on certain pictures."""
        # No phrase may hang on left and right: courses differ in what they turn over.
        builder = PlanBuilder(pictures, random, moving=True)
        return cls(builder, random, Shared())

    @property
    def last(self) -> str:
        """The picture made last, or `img_1`."""
        return self.builder.last

    @property
    def view(self) -> PictureState:
        """What it shows."""
        return self.builder.views.get(self.last, PictureState())

    def side(self) -> Draft:
        """A course of its own from here on."""
        return Draft(self.builder.copy(), self.random, self.shared)

    def adopt(self, side: Draft) -> None:
        """Go on from what a side came to; its nodes are the caller's affair."""
        self.builder = side.builder

    def attempt(self, block: Callable[[Draft], None]) -> None:
        """Carry a block of steps out wholly or, where it raises `Unfit`, not at all."""
        trial = self.side()
        trial.nodes = list(self.nodes)
        trial.shared = replace(self.shared, claimed=set(self.shared.claimed), once=set(self.shared.once))
        block(trial)
        self.builder, self.nodes = trial.builder, trial.nodes
        self.shared.claimed |= trial.shared.claimed
        self.shared.once |= trial.shared.once

    def take(
        self, act: str, purpose: Purpose = "asked", facts: Mapping[str, Slot] | None = None, *, on: str | None = None,
        content: str | None = None, margin: float = 0.0, **more: Slot,
    ) -> Step:  # fmt: skip
        """Bind the next step; its facts may be entities. Raises `Unfit` where the picture does not suit it."""
        given = {**(facts or {}), **more}
        for value in given.values():
            if not isinstance(value, str):
                self.builder.by.slots[f"e{len(self.builder.by.slots)}"] = value
        order = Order(act, given, purpose, on=on, content=content, margin=margin)
        step = self.builder.take(order, f"s{next(self.shared.numbers)}")
        if step.tool in text_tools():
            self._look_once(step)
        self.nodes.append(step)
        return step

    def _look_once(self, step: Step) -> None:
        """Raises `Unfit` for a look that was taken before: it would show the same."""
        seen = f"{step.tool} {step.arguments}"
        if seen in self.shared.once:
            raise Unfit("a look that was not taken before")
        self.shared.once.add(seen)

    def draw(self, kind: str, **about: Entity) -> Slot:
        """A value of one of the chains' types (`colour for a`), `a` being an entity. Raises `Unfit`."""
        by = self.builder.by
        kept = dict(by.slots)
        by.slots.update(about)
        try:
            return draw(kind, self.view, by)
        finally:
            by.slots = kept

    def claim(self, *keys: str) -> None:
        """Nothing else may speak of these from now on."""
        self.shared.claimed.update(keys)

    def suppose(self, item: ThingState) -> None:
        """Let the picture at hand show a thing: what a side assumes that is not executed."""
        self.builder.views[self.last] = self.view.adding(item)
