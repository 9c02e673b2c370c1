"""Binding: a chain applied to certain pictures, with every slot filled, is a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from canvasagent.craft.acts import Bound, StepContext, act_named, carrying_tools, text_tools
from canvasagent.craft.chains.checks import checks_of
from canvasagent.craft.chains.spec import Chain, StepSpec, Way
from canvasagent.craft.pictures import Box, Need, NoPicture, Picture
from canvasagent.craft.plan import Found, Made, Plan, Purpose, Step
from canvasagent.craft.slots import Draw, Entity, Unfit, draw
from canvasagent.craft.views import PictureState, view_of

Pick = Callable[[Need, str], Picture]

TRIES = 12
"""Sets of pictures that are tried for a way before it is given up."""


def bind(chain: Chain, pick: Pick, key: str) -> Plan:
    """A plan for a chain, on pictures that `pick` gives for a need and a key of its own. Raises `NoPicture`.

    The same chain, key and picks give the same plan. A way of the chain for which there are no pictures gives place
    to the others.
    """
    random = Random(f"{key}/way")
    ways = sorted(chain.ways, key=lambda way: -(random.random() ** (1 / way.weight)))
    reasons: list[str] = []
    for number, way in enumerate(ways):
        for attempt in range(TRIES):
            subkey = f"{key}/{number}.{attempt}"
            try:
                pictures = tuple(pick(need, f"{subkey}/img_{at}") for at, need in enumerate(needs_of(way), 1))
                return bind_way(chain, way, pictures, subkey)
            except NoPicture as error:
                reasons.append(str(error))
                break
            except Unfit as error:
                reasons.append(f"no picture had {error}")
    raise NoPicture(f"chain '{chain.name}': {'; '.join(dict.fromkeys(reasons))}")


def is_moving(way: Way) -> bool:
    """Whether what is left or right, first or last changes on the way."""
    return any(step.act is not None and act_named(step.act).moves for step in way.steps)


def needs_of(way: Way) -> tuple[Need, ...]:
    """What a way needs of its pictures; phrases that hold throughout, where the pictures are turned over."""
    return tuple(need.model_copy(update={"steady": need.steady or is_moving(way)}) for need in way.pictures)


def bind_way(chain: Chain, way: Way, pictures: tuple[Picture, ...], key: str) -> Plan:
    """The plan for one way on certain pictures. Raises `Unfit` where they do not suit it."""
    binder = Binder(way, chain, pictures, Random(f"{key}/slots"))
    for kind_of, spec in enumerate(way.steps):
        binder.take(spec, f"s{kind_of + 1}")
    return binder.plan()


@dataclass
class Binder:
    """Walks over the steps of a way and keeps what every asset shows."""

    way: Way
    chain: Chain
    pictures: tuple[Picture, ...]
    random: Random
    views: dict[str, PictureState] = field(default_factory=dict)
    parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of what steps made: the asset they worked on, and their tool."""
    steps: list[Step] = field(default_factory=list)
    last: str = ""
    """The picture made last, or `img_1`."""
    found: list[tuple[str, str | None, str, bool]] = field(default_factory=list)
    """Steps that found boxes: id, what they looked for, the asset, whether it was OCR."""
    touched: dict[str, set[str]] = field(default_factory=dict)
    """By step: what it speaks of."""
    masks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, picture in enumerate(self.pictures, 1):
            self.views[f"img_{number}"] = view_of(picture, number)
        self.last = "img_1" if self.pictures else ""
        known = {name: str(value) for name, value in (self.pictures[0].origin if self.pictures else {}).items()}
        self.by = Draw(self.random, self.views, moving=is_moving(self.way), known=known)
        for name, kind in self.way.slots.items():
            self.by.slots[name] = draw(kind, self.views.get("img_1", PictureState()), self.by)

    def take(self, spec: StepSpec, usual: str) -> None:
        """Bind the next step."""
        purpose, spec_id, tool = spec.purpose, spec.id or usual, spec.wire
        on = spec.on or self._base(spec)
        content, view = spec.content, self.views.get(on, PictureState())
        if spec.one_of is not None:
            spec = self._drawn(spec.one_of, view)
        act = spec.act
        assert act is not None
        facts = {name: self._value(value, view) for name, value in spec.facts().items()}
        if spec.at is not None:
            facts["at"] = self._value(spec.at, view)
        if act == "paste":
            content = content or self.last
        about = facts.get("at") or facts.get("thing") or facts.get("text")
        context = StepContext(view, facts, self.random, self._asset(on), margin=spec.margin, id=spec_id)
        context.box = self._box(spec, about, on) if tool in ("SAM", "Crop") or "at" in facts else None
        context.mask = Made(step=spec.mask or self.masks[-1]) if tool == "Extract" else None
        if content is not None:
            context.content, context.shown = self._asset(content), self.views.get(content)
        self._keep(spec_id, tool, on, act, facts, act_named(act).bind(context), purpose)

    def _base(self, spec: StepSpec) -> str:
        """What a step works on where it does not say: the picture made last; of a paste, the last input."""
        if spec.act == "paste" and spec.content is None:
            return f"img_{len(self.pictures)}" if self.pictures else self.last
        if spec.wire == "Extract":
            return self.parents[spec.mask or self.masks[-1]][0]
        return self.last

    def _drawn(self, group: str, view: PictureState) -> StepSpec:
        """One step of a group."""
        options = self.chain.groups[group]
        at = self.random.choices(range(len(options)), [option.weight for option in options])[0]
        return options[at]

    def _value(self, text: str, view: PictureState) -> Any:
        """A fact: a slot, something drawn for this place, or the words as they stand."""
        if text.startswith("$"):
            return self.by.slots[text[1:]]
        return draw(text[1:], view, self.by) if text.startswith("?") else text

    def _asset(self, name: str) -> str | Made:
        return name if name.startswith("img_") or not name else Made(step=name)

    def _box(self, spec: StepSpec, about: Any, on: str) -> Found | Box | None:
        """The box that an earlier step found, on the grid of the picture that it is used on."""
        if spec.box == "given":
            item = self.views[on].item(about.key) if isinstance(about, Entity) else None
            return item.box if item is not None else None
        key = about.key if isinstance(about, Entity) else str(about)
        for step, what, asset, read in reversed(self.found):
            reads = read and isinstance(about, Entity) and about.is_text
            if (spec.box or step) == step and (spec.box is not None or reads or (what == key and not read)):
                through = self._through(on, asset)
                if through is not None:
                    text = about.name if read and isinstance(about, Entity) else None
                    return Found(step=step, text=self._words(about, on) or text if read else None, through=through)
        return None

    def _words(self, about: Any, on: str) -> str | None:
        line = self.views[on].line(about.key) if isinstance(about, Entity) else None
        return line.words if line is not None else None

    def _through(self, asset: str, source: str) -> tuple[str, ...] | None:
        """The steps that lie between two assets and move boxes; None where one does not come from the other."""
        steps: list[str] = []
        while asset != source:
            if asset not in self.parents:
                return None
            before, tool = self.parents[asset]
            steps += [asset] if tool in carrying_tools() else []
            asset = before
        return tuple(reversed(steps))

    def _keep(
        self, id: str, tool: str, on: str, act: Any, facts: dict[str, Any], bound: Bound, purpose: Purpose | None
    ) -> None:
        about = {value.key for value in facts.values() if isinstance(value, Entity)}
        self.touched[id] = about
        if tool in text_tools():
            key = facts.get("thing") if tool == "Grounding" else facts.get("text")
            self.found.append((id, key.key if isinstance(key, Entity) else str(key), on, tool == "OCR"))
        if bound.view is not None:
            self.views[id], self.parents[id] = bound.view, (on, tool)
            if bound.view.kind == "mask":
                self.masks.append(id)
            else:
                self.last = id
        self.steps.append(
            Step(id=id, tool=tool, arguments=bound.arguments, act=act, facts=bound.facts, purpose=purpose or "asked")
        )

    def plan(self) -> Plan:
        """The plan, with purposes, result and checks."""
        spoken = {spec.id or f"s{number}": spec.purpose for number, spec in enumerate(self.way.steps, 1)}
        steps = tuple(
            step if spoken.get(step.id) else step.model_copy(update={"purpose": self._purpose(number, step)})
            for number, step in enumerate(self.steps)
        )
        pictured = [step.id for step in steps if step.tool not in text_tools()]
        result = self.way.result or (pictured[-1] if pictured else None)
        plan = Plan(chain=self.chain.name, pictures=self.pictures, nodes=steps, result=result)
        return plan.model_copy(update={"checks": checks_of(plan, self.views, self.touched)})

    def _purpose(self, number: int, step: Step) -> Purpose:
        """Why a step is there, as far as the others tell."""
        later = self.steps[number + 1 :]
        if step.act in ("verify", "proofread"):
            return "check"
        if step.tool in text_tools():
            used = any(self.touched[step.id] & self.touched[other.id] for other in later)
            if used or any(_uses(other, step.id) for other in later):
                return "needed"
            return "answer" if not later or not any(other.tool not in text_tools() for other in self.steps) else "asked"
        return (
            "needed"
            if step.act in ("segment", "cut out") and any(_uses(other, step.id) for other in later)
            else "asked"
        )


def _uses(step: Step, id: str) -> bool:
    return any(isinstance(value, Made | Found) and value.step == id for value in step.arguments.values())
