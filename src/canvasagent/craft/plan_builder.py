"""From orders to calls: the one place where acts are bound to assets, for chains, tasks and the benchmark."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from canvasagent.craft.acts import Bound, StepContext, act_named, box_movers, text_tools
from canvasagent.craft.pictures import Box, Picture
from canvasagent.craft.plan import Found, Made, Plan, Purpose, Step, Value
from canvasagent.craft.plan_checks import checks_of
from canvasagent.craft.slots import Draw, Entity, draw
from canvasagent.craft.views import PictureState, view_of


@dataclass(frozen=True)
class Order:
    """A step before it is bound: the act, and what its facts are."""

    act: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Entities, scenes and words, by the name of the fact."""
    purpose: Purpose | None = None
    """None: as the other steps tell."""
    on: str | None = None
    """The asset that it works on; None: the picture made last."""
    box: str | None = None
    """The step that found its box, or `given`; None: the last one that found its thing."""
    mask: str | None = None
    content: str | None = None
    margin: float = 0.0
    position: Value | None = None
    scale: float | None = None
    prompt: str | None = None
    """The edit prompt, word for word; None: as the act words it."""


@dataclass
class PlanBuilder:
    """Binds one order after another and keeps what every asset shows."""

    pictures: tuple[Picture, ...]
    random: Random
    moving: bool = False
    """The picture is mirrored, turned or cropped on the way."""
    views: dict[str, PictureState] = field(default_factory=dict)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of what steps made: the asset they worked on, and their tool."""
    steps: list[Step] = field(default_factory=list)
    last: str = ""
    """The picture made last, or `img_1`."""
    found: list[tuple[str, str | None, str, bool]] = field(default_factory=list)
    """Steps that found boxes: id, what they looked for, the asset, whether they read text."""
    touched: dict[str, set[str]] = field(default_factory=dict)
    """By step: what it is about."""
    masks: list[str] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    """Steps whose purpose was given."""

    def __post_init__(self) -> None:
        for number, picture in enumerate(self.pictures, 1):
            self.views[f"img_{number}"] = view_of(picture, number)
        self.last = "img_1" if self.pictures else ""
        known = {name: str(value) for name, value in (self.pictures[0].origin if self.pictures else {}).items()}
        self.by = Draw(self.random, self.views, moving=self.moving, known=known)

    def fill(self, slots: Mapping[str, str]) -> None:
        """Draw a value for each slot, in order. Raises `Unfit`."""
        for name, kind in slots.items():
            self.by.slots[name] = draw(kind, self.views.get("img_1", PictureState()), self.by)

    def base(self, order: Order) -> str:
        """The asset that an order works on: the picture made last, unless it says; for a paste, the last input."""
        takes = act_named(order.act).takes
        if order.on is not None:
            return order.on
        if "content" in takes and order.content is None:
            return f"img_{len(self.pictures)}" if self.pictures else self.last
        if "mask" in takes:
            return self.parents[order.mask or self.masks[-1]][0]
        return self.last

    def take(self, order: Order, id: str) -> Step:
        """Bind the next step. Raises `Unfit`."""
        act, on, facts = act_named(order.act), self.base(order), dict(order.facts)
        about = facts.get("at") or facts.get("thing") or facts.get("text")
        context = StepContext(
            self.views.get(on, PictureState()), facts, self.random, _asset(on), margin=order.margin, id=id
        )
        if ("box" in act.takes and "region" not in facts) or "at" in facts:
            context.box = self._box(order, about, on)
        if "mask" in act.takes:
            context.mask = Made(step=order.mask or self.masks[-1])
        if "content" in act.takes:
            content = order.content or self.last
            context.content, context.shown = _asset(content), self.views.get(content)
        context.position, context.scale = order.position, order.scale
        if order.prompt is not None:
            bound = Bound({"image": context.image, "edit_prompt": order.prompt}, facts, context.view)
        else:
            bound = act.bind(context)
        return self._keep(id, act.name, act.tool, on, facts, bound, order.purpose)

    def _box(self, order: Order, about: Any, on: str) -> Found | Box | None:
        """The box that an earlier step found, on the grid of the picture that it is used on."""
        if order.box == "given":
            item = self.views[on].item(about.key) if isinstance(about, Entity) else None
            return item.box if item is not None else None
        key = about.key if isinstance(about, Entity) else str(about)
        for step, what, asset, read in reversed(self.found):
            reads = read and isinstance(about, Entity) and about.is_text
            if (order.box or step) == step and (order.box is not None or reads or (what == key and not read)):
                through = self._through(on, asset)
                if through is not None:
                    return Found(step=step, text=self._line(about, order, on) if read else None, through=through)
        return None

    def box_of(self, step: str, on: str) -> Found | None:
        """The box that a step found, on another asset; None where that does not come from the picture looked at."""
        for id, _, asset, _ in self.found:
            through = self._through(on, asset) if id == step else None
            if through is not None:
                return Found(step=step, through=through)
        return None

    def copy(self) -> PlanBuilder:
        """For one side of a branch; its steps begin anew."""
        other = copy.copy(self)
        other.views, other.parents, other.steps = dict(self.views), dict(self.parents), []
        other.found, other.masks, other.settled = list(self.found), list(self.masks), set(self.settled)
        other.touched = {step: set(keys) for step, keys in self.touched.items()}
        other.by = copy.copy(self.by)
        other.by.views, other.by.slots = other.views, dict(self.by.slots)
        return other

    def _line(self, about: Any, order: Order, on: str) -> str | None:
        """The words of the line whose box is meant; None: the first that was read."""
        if isinstance(about, Entity):
            line = self.views[on].line(about.key)
            return line.words if line is not None else about.name
        return str(order.facts["text"]) if "text" in order.facts else None

    def _through(self, asset: str, source: str) -> tuple[str, ...] | None:
        """The steps that lie between two assets and move boxes; None where one does not come from the other."""
        steps: list[str] = []
        while asset != source:
            if asset not in self.parents:
                return None
            before, tool = self.parents[asset]
            steps += [asset] if tool in box_movers() else []
            asset = before
        return tuple(reversed(steps))

    def _keep(
        self, id: str, act: str, tool: str, on: str, facts: dict[str, Any], bound: Bound, purpose: Purpose | None
    ) -> Step:
        self.touched[id] = {value.key for value in facts.values() if isinstance(value, Entity)}
        if tool in text_tools():
            key = facts.get("thing") if "thing" in facts else facts.get("text")
            self.found.append((id, key.key if isinstance(key, Entity) else str(key), on, "thing" not in facts))
        if bound.view is not None:
            self.views[id], self.parents[id] = bound.view, (on, tool)
            if bound.view.kind == "mask":
                self.masks.append(id)
            else:
                self.last = id
        if purpose is not None:
            self.settled.add(id)
        step = Step(id=id, tool=tool, arguments=bound.arguments, act=act, facts=bound.facts, purpose=purpose or "asked")
        self.steps.append(step)
        return step

    def plan(self, chain: str, result: str | None = None) -> Plan:
        """The plan of all steps, with purposes, result and checks."""
        steps = tuple(
            step if step.id in self.settled else step.model_copy(update={"purpose": self._purpose(number, step)})
            for number, step in enumerate(self.steps)
        )
        pictured = [step.id for step in steps if step.tool not in text_tools()]
        result = result or (pictured[-1] if pictured else None)
        plan = Plan(chain=chain, pictures=self.pictures, nodes=steps, result=result)
        return plan.model_copy(update={"checks": checks_of(plan, self.views, self.touched)})

    def _purpose(self, number: int, step: Step) -> Purpose:
        """Why a step is there, as far as the others tell."""
        later, usual = self.steps[number + 1 :], act_named(step.act).usual
        if usual == "check":
            return "check"
        used = any(_uses(other, step.id) for other in later)
        if step.tool not in text_tools():
            return "needed" if usual == "needed" and used else "asked"
        if used or any(self.touched[step.id] & self.touched[other.id] for other in later):
            return "needed"
        return "answer" if not later or all(other.tool in text_tools() for other in self.steps) else "asked"


def _asset(name: str) -> str | Made:
    return name if name.startswith("img_") or not name else Made(step=name)


def _uses(step: Step, id: str) -> bool:
    return any(isinstance(value, Made | Found) and value.step == id for value in step.arguments.values())
