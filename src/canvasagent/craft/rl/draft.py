"""A plan that is being composed: its steps so far, what its pictures show by now, and what was spoken of.

Steps are bound as those of chains are (`chains.binding`). The side of a branch that is not carried out is a draft of
its own, begun from the same pictures, whose steps are kept and whose pictures are forgotten.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from canvasagent.craft.acts import act_named, text_tools
from canvasagent.craft.chains.binding import Binder
from canvasagent.craft.chains.spec import Chain, StepSpec, Way
from canvasagent.craft.pictures import Picture
from canvasagent.craft.plan import Node, Purpose, Step
from canvasagent.craft.slots import Entity, SceneSlot, Slot, Unfit, draw
from canvasagent.craft.views import PictureState, ThingState

_WAY = Way(steps=())
_CHAIN = Chain(name="composed", ways=(_WAY,))


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

    binder: Binder
    random: Random
    shared: Shared
    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def of(cls, pictures: tuple[Picture, ...], random: Random) -> Draft:
        """An empty draft on certain pictures."""
        binder = Binder(_WAY, _CHAIN, pictures, random)
        binder.by.moving = True  # no phrase may hang on left and right: courses differ in what they turn over
        return cls(binder, random, Shared())

    @property
    def last(self) -> str:
        """The picture made last, or `img_1`."""
        return self.binder.last

    @property
    def view(self) -> PictureState:
        """What it shows."""
        return self.binder.views.get(self.last, PictureState())

    def side(self) -> Draft:
        """A course of its own from here on."""
        return Draft(_copied(self.binder), self.random, self.shared)

    def adopt(self, side: Draft) -> None:
        """Go on from what a side came to; its nodes are the caller's affair."""
        self.binder = side.binder

    def attempt(self, block: Callable[[Draft], None]) -> None:
        """Carry a block of steps out wholly or, where it raises `Unfit`, not at all."""
        trial = self.side()
        trial.nodes = list(self.nodes)
        trial.shared = replace(self.shared, claimed=set(self.shared.claimed), once=set(self.shared.once))
        block(trial)
        self.binder, self.nodes = trial.binder, trial.nodes
        self.shared.claimed |= trial.shared.claimed
        self.shared.once |= trial.shared.once

    def take(self, act: str, purpose: Purpose = "asked", **facts: Slot | float | None) -> Step:
        """Bind the next step; facts may be entities. Raises `Unfit` where the picture does not suit it."""
        words: dict[str, object] = {}
        for name, value in facts.items():
            if isinstance(value, Entity | SceneSlot):
                slot = f"e{len(self.binder.by.slots)}"
                self.binder.by.slots[slot] = value
                words[name] = f"${slot}"
            elif value is not None:
                words[name] = value
        spec = StepSpec.model_validate({"tool": act_named(act).tool, "act": act, "purpose": purpose, **words})
        self.binder.take(spec, f"s{next(self.shared.numbers)}")
        step = self.binder.steps[-1]
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
        by = self.binder.by
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
        self.binder.views[self.last] = self.view.adding(item)


def _copied(binder: Binder) -> Binder:
    other = copy.copy(binder)
    other.views, other.parents, other.steps = dict(binder.views), dict(binder.parents), []
    other.found, other.masks = list(binder.found), list(binder.masks)
    other.touched = {step: set(keys) for step, keys in binder.touched.items()}
    other.by = copy.copy(binder.by)
    other.by.views, other.by.slots = other.views, dict(binder.by.slots)
    return other
