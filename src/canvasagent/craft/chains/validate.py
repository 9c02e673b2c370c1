"""Checks of a chain before it is bound to pictures; each message names the place of the fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from canvasagent.craft.acts import acts_of, text_tools
from canvasagent.craft.chains.spec import SHORT, ChainSpec, GroupStep, StepSpec, Way, wire_name
from canvasagent.craft.slots import TYPES, parse
from canvasagent.tools import all_tools


def problems(chain: ChainSpec, groups: Mapping[str, tuple[GroupStep, ...]]) -> list[str]:
    """Everything that is wrong with a chain, one sentence each; empty if it can be executed."""
    messages: list[str] = []
    for number, way in enumerate(chain.way, 1):
        where = f"chain '{chain.name}'" + (f", way {number}" if len(chain.way) > 1 else "")
        messages += [f"{where}: {problem}" for problem in _of_way(way, groups)]
    orders = {tuple(step.wire for step in way.steps) for way in chain.way}
    if len(orders) > 1:
        messages.append(f"chain '{chain.name}': its ways use different tools; give each its own chain.")
    return messages


def _of_way(way: Way, groups: Mapping[str, tuple[GroupStep, ...]]) -> Iterator[str]:
    if not way.steps:
        yield "it has no steps."
        return
    yield from _of_slots(way)
    ids = [step.id or f"s{number}" for number, step in enumerate(way.steps, 1)]
    for id in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"two steps are called '{id}'."
    walk = _Walk(way, ids)
    for number, step in enumerate(way.steps):
        place = f"step {ids[number]} ({step.tool})"
        if wire_name(step.tool) is None:
            near = _near(step.tool, (*all_tools(), *SHORT))
            yield f"{place}: there is no such tool{near}; there are {', '.join(sorted(all_tools()))}."
            continue
        yield from (f"{place}: {problem}" for problem in _of_act(step, way, groups))
        yield from (f"{place}: {problem}" for problem in walk.take(number, step))
    if way.result is not None and way.result not in walk.pictures:
        yield f"the result '{way.result}' is no step that makes a picture."


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _of_slots(way: Way) -> Iterator[str]:
    earlier: set[str] = set()
    for name, kind in way.slots.items():
        for problem in _of_kind(kind, way, earlier):
            yield f"slot '{name}': {problem}"
        earlier.add(name)


def _of_kind(kind: str, way: Way, earlier: set[str]) -> Iterator[str]:
    parsed = parse(kind)
    if parsed is None:
        yield f"there is no type '{kind}'{_near(kind, TYPES)}; there are {', '.join(TYPES)}."
        return
    name, of = parsed
    wanted = TYPES[name][0]
    if of is None and wanted:
        yield f"'{name}' needs a {wanted}: '{name} for a', where a is a slot."
    elif of is not None and of.startswith("img_"):
        if of not in _inputs(way):
            yield f"'{kind}' speaks of {of}, but the way has {len(way.pictures)} pictures."
    elif of is not None and of not in earlier:
        later = " that comes later" if of in way.slots else ", which there is none"
        yield f"'{kind}' speaks of the slot '{of}'{later}; slots are filled in order, each from those before it."
    if of is None and name in ("thing", "thing apart", "thing to recolor", "text") and not way.pictures:
        yield f"'{kind}' is taken from an input picture, and there is none."


def _inputs(way: Way) -> list[str]:
    return [f"img_{number}" for number in range(1, len(way.pictures) + 1)]


def _of_act(step: StepSpec, way: Way, groups: Mapping[str, tuple[GroupStep, ...]]) -> Iterator[str]:
    if step.one_of is not None:
        if step.one_of not in groups:
            yield f"there is no group '{step.one_of}'{_near(step.one_of, groups)}; there are {', '.join(groups)}."
        for option in groups.get(step.one_of, ()):
            if wire_name(option.tool) is not None and option.wire != step.wire:
                yield f"the group '{step.one_of}' has steps of {option.tool}."
            yield from _of_facts(option, way)
        return
    acts = acts_of(step.wire)
    act = acts.get(step.act or "")
    if act is None:
        complaint = f"cannot '{step.act}'" if step.act else "has no 'act'"
        yield f"it {complaint}; it can {', '.join(acts)}."
        return
    yield from _of_facts(step, way)
    names = {*step.facts(), *(["where"] if step.at is not None else [])}
    needed = {name for name in act.facts if not name.endswith("?")}
    if act.one_of and not names & set(act.one_of):
        at = ", or 'at', the thing that it goes over" if act.name == "write" else ""
        yield f"to {act.name} it needs {' or '.join(map(repr, act.one_of))}{at}."
    for name in sorted(needed - names):
        yield f"to {act.name} it needs '{name}'."
    for name in sorted(names - {name.rstrip("?") for name in act.facts}):
        yield f"to {act.name} it takes no '{name}'."


def _of_facts(step: StepSpec, way: Way) -> Iterator[str]:
    for name, value in {**step.facts(), **({"at": step.at} if step.at is not None else {})}.items():
        if value.startswith("$") and value[1:] not in way.slots:
            yield f"'{name}' is '{value}', but there is no such slot{_near(value[1:], way.slots)}."
        elif value.startswith("?"):
            for problem in _of_kind(value[1:], way, set(way.slots)):
                yield f"'{name}': {problem}"


class _Walk:
    """What there is when a step is reached."""

    def __init__(self, way: Way, ids: list[str]) -> None:
        self.ids = ids
        self.pictures = set(_inputs(way))
        self.masks: set[str] = set()
        self.boxes: dict[str, str | None] = {}
        """Steps that find boxes, and of what; None: of any text."""

    def take(self, number: int, step: StepSpec) -> Iterator[str]:
        """What is missing for a step; then what it makes is there."""
        id = self.ids[number]
        if step.on is not None:
            yield from self._missing(step.on, self.pictures, "picture", number)
        elif all_tools()[step.wire].default_image is not None and not self.pictures:
            yield "there is no picture to work on: give the way an input picture, or generate one first."
        act = acts_of(step.wire).get(step.act or "")
        takes = act.takes if act is not None else frozenset()
        if ("box" in takes and "region" not in step.facts()) or step.at is not None:
            yield from self._without_box(step, number)
        if "mask" in takes:
            if step.mask is not None:
                yield from self._missing(step.mask, self.masks, "mask", number)
            elif not self.masks:
                yield "it needs a mask, and no earlier step makes one; put a SAM step before it."
        if "content" in takes and step.content is not None:
            yield from self._missing(step.content, self.pictures, "picture", number)
        elif "content" in takes and len(self.pictures) < 2:
            yield "there is nothing to paste: give a second input picture, or cut something out first."
        if step.wire in text_tools():
            self.boxes[id] = step.facts().get("thing")
        elif all_tools()[step.wire].makes == "mask":
            self.masks.add(id)
        else:
            self.pictures.add(id)

    def _without_box(self, step: StepSpec, number: int) -> Iterator[str]:
        facts = step.facts()
        about = step.at or facts.get("thing") or facts.get("text")
        if step.box == "given":
            return
        if step.box is not None:
            yield from self._missing(step.box, set(self.boxes), "box", number)
        elif about not in self.boxes.values() and not ("text" in facts and None in self.boxes.values()):
            yield (
                f"it needs a box of '{about}', and no earlier step finds one; put a Grounding step of it before, "
                "or say box = 'given' for the box that the request names."
            )

    def _missing(self, name: str, there: set[str], what: str, number: int) -> Iterator[str]:
        if name in there:
            return
        if name == self.ids[number]:
            yield f"it takes its {what} from itself."
        elif name in self.ids[number:]:
            yield f"it takes its {what} from step '{name}', which comes later: steps run in order, so this is a circle."
        elif name in self.ids:
            yield f"it takes its {what} from step '{name}', which makes none."
        else:
            yield f"it takes its {what} from '{name}', but there is no such step or input picture."
