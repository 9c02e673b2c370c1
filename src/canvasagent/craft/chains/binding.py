"""Binding: a chain applied to certain pictures, with every slot filled, is a plan."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from canvasagent.craft.acts import act_named
from canvasagent.craft.chains.spec import Chain, StepSpec, Way
from canvasagent.craft.pictures import Need, NoPicture, Picture
from canvasagent.craft.plan import Plan
from canvasagent.craft.plan_builder import Order, PlanBuilder
from canvasagent.craft.slots import Unfit, draw
from canvasagent.craft.views import PictureState

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


def needs_of(way: Way) -> tuple[Need, ...]:
    """What a way needs of its pictures; phrases that hold throughout, where the pictures are turned over."""
    return tuple(need.model_copy(update={"steady": need.steady or _unsettles(way)}) for need in way.pictures)


def _unsettles(way: Way) -> bool:
    """Whether what is left or right, first or last changes on the way."""
    return any(act_named(step.act).moves for step in way.steps if step.act is not None)


def bind_way(chain: Chain, way: Way, pictures: tuple[Picture, ...], key: str) -> Plan:
    """The plan for one way on certain pictures. Raises `Unfit` where they do not suit it."""
    builder = PlanBuilder(pictures, Random(f"{key}/slots"), _unsettles(way))
    builder.fill(way.slots)
    for number, spec in enumerate(way.steps, 1):
        builder.take(_order(spec, chain, builder), spec.id or f"s{number}")
    return builder.plan(chain.name, way.result)


def _order(spec: StepSpec, chain: Chain, builder: PlanBuilder) -> Order:
    """A step of a way as an order: its facts drawn for the picture that it works on."""
    purpose = spec.purpose
    on = spec.on or (builder.base(Order(spec.act, content=spec.content, mask=spec.mask)) if spec.act else builder.last)
    if spec.one_of is not None:
        options = chain.groups[spec.one_of]
        spec = builder.random.choices(options, [option.weight for option in options])[0]
    view = builder.views.get(on, PictureState())
    assert spec.act is not None
    given = spec.facts() if spec.at is None else {**spec.facts(), "at": spec.at}
    facts = {name: _value(text, view, builder) for name, text in given.items()}
    return Order(spec.act, facts, purpose, on, spec.box, spec.mask, spec.content, spec.margin)


def _value(text: str, view: PictureState, builder: PlanBuilder) -> Any:
    """A fact: a slot, something drawn for this place, or the words as they stand."""
    if text.startswith("$"):
        return builder.by.slots[text[1:]]
    return draw(text[1:], view, builder.by) if text.startswith("?") else text
