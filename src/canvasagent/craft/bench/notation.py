"""The short notation in which the benchmark's gold plans are written, and what it means.

    find PHRASE              Grounding on the picture at hand        see PHRASE   the same, to make sure it is there
    gone PHRASE              the same, to make sure it is gone       tell PHRASE  the same, its words are the answer
    read, say                OCR; its words are the answer           proof TEXT   OCR, to make sure of a text
    gen PROMPT, edit PROMPT  ImageGeneration, ImageEdit              flip, sr, turn DEGREES (clockwise)
    crop, crop "TEXT"        to what was found last, or a line read last; crop left,top,right,bottom
    sam, cut [NAME]          SAM on what was found last, Extract; the cut-out is called `piece`, or NAME
    paste [NAME] at X,Y [xS] Overlayer with a cut-out or picture, `here` for where something was found last; S scales
    write "TEXT" at X,Y      Overlayer with words; or at top, bottom, tl, tr, bl, br, or here
    as NAME, use NAME        call the picture at hand by a name; go on from another one (`img_2`, `piece`)

Verbs are those of the acts (`craft.acts`); one without verbs of its own goes by its name, followed by its first fact.
Steps are separated by semicolons. A branch is `?CONDITION y{ … | … }`: what is done where it holds, and where not; `y`
or `n` tells how it turns out on the task's pictures. With `?` a step of its own looks; `!` asks what the last look saw:

    ?PHRASE  something is found    ?3 PHRASE  at least so many are    ?text  any text is read    ?"TEXT"  it says so
    ?up      the text stands upside down
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from canvasagent.craft.acts import Act, Verb, acts_of, all_acts
from canvasagent.craft.plan import Branch, Condition, Node, Plan, Value
from canvasagent.craft.plan_builder import Order, PlanBuilder
from canvasagent.craft.slots import Unfit
from canvasagent.errors import InputError
from canvasagent.tools import all_tools

PLACES = {
    "top": (500, 90), "bottom": (500, 910), "middle": (500, 500), "tl": (200, 110), "tr": (800, 110), "bl": (200, 890),
    "br": (800, 890),
}  # fmt: skip
_SPOKEN = {
    "top": "at the top", "bottom": "at the bottom", "middle": "in the middle", "tl": "in the top left corner",
    "tr": "in the top right corner", "bl": "in the bottom left corner", "br": "in the bottom right corner",
}  # fmt: skip


def read_plan(do: str, chain: str, **rest: Any) -> Plan:
    """The plan that a text in the notation means. Raises `InputError` naming what cannot be read."""
    reader, state = _Reader(do), _State(PlanBuilder((), Random(0)))
    state.builder.last = "img_1" if rest.get("pictures") else ""
    nodes = tuple(reader.nodes(state))
    if reader.at < len(reader.parts):
        raise InputError(f"'{reader.parts[reader.at]}' closes nothing")
    image = state.builder.last
    answers = any(step.purpose == "answer" for step in Plan(chain=chain, nodes=nodes).path())
    result = image if image and not (answers and image.startswith("img_")) else None
    return Plan(chain=chain, nodes=nodes, result=result, **rest)


@dataclass
class _State:
    """Where in a plan the reading is; the picture at hand is the builder's last."""

    builder: PlanBuilder
    found: str | None = None
    """The step that found something last."""
    looked: str | None = None
    names: dict[str, str] = field(default_factory=dict)

    def copy(self) -> _State:
        """For one side of a branch."""
        return _State(self.builder.copy(), self.found, self.looked, dict(self.names))

    def become(self, other: _State) -> None:
        """Go on from the side that holds."""
        self.__dict__.update(other.__dict__)


class _Reader:
    """Reads tokens: steps, `{`, `|`, `}`."""

    def __init__(self, text: str) -> None:
        self.parts = [part.strip() for part in _split(text)]
        self.at, self.count = 0, 0

    def expect(self, token: str) -> None:
        """Take a token. Raises `InputError` for another one."""
        seen = self.parts[self.at] if self.at < len(self.parts) else ""
        if seen != token:
            raise InputError(
                f"'{seen}' where '{token or 'the end'}' belongs, after '{' '.join(self.parts[: self.at][-3:])}'"
            )
        self.at += 1

    def nodes(self, state: _State) -> list[Node]:
        """Steps and branches up to a `|`, a `}` or the end; the state is left as they leave it."""
        found: list[Node] = []
        while self.at < len(self.parts) and self.parts[self.at] not in ("|", "}"):
            part = self.parts[self.at]
            self.at += 1
            if part in ("", ";"):
                continue
            if part[0] in "?!":
                found += self._branch(part, state)
            else:
                found += self._step(part, state)
        return found

    def _branch(self, part: str, state: _State) -> list[Node]:
        match = re.fullmatch(r"([?!])(.*?)\s*([yn])", part)
        if match is None:
            raise InputError(f"'{part}' is no condition: it must end in y or n before the brace")
        look, what, holds = match[1] == "?", match[2].strip(), match[3] == "y"
        steps: list[Node] = []
        words = re.fullmatch(r'"(.+)"', what)
        many = re.fullmatch(r"(\d+)\s+(.+)", what)
        if words or what in ("text", "up"):
            if look:
                steps += self._step("read!", state)
            kind: Any = "text says" if words else "text present" if what == "text" else "upside down"
            facts = {"text": words[1]} if words else {}
        else:
            phrase = many[2] if many else what
            if look:
                steps += self._step(f"find! {phrase}", state)
            kind = "count" if many else "present"
            facts = {"thing": phrase} | ({"at least": many[1]} if many else {})
        if state.looked is None:
            raise InputError(f"'{part}': nothing was looked at yet")
        condition = Condition(kind=kind, step=state.looked, facts=facts, holds=holds)
        self.expect("{")
        sides: list[list[Node]] = []
        states = [state.copy(), state.copy()]
        sides.append(self.nodes(states[0]))
        if self.parts[self.at] == "|":
            self.expect("|")
            sides.append(self.nodes(states[1]))
        else:
            sides.append([])
        self.expect("}")
        state.become(states[0] if holds else states[1])
        return [*steps, Branch(condition=condition, yes=tuple(sides[0]), no=tuple(sides[1]))]

    def _step(self, part: str, state: _State) -> list[Node]:
        verb, _, rest = part.partition(" ")
        rest, builder = rest.strip(), state.builder
        if verb == "as":
            state.names[rest] = builder.last
            return []
        if verb == "use":
            builder.last = _asset(rest, state)
            return []
        if verb != "edit" and verb not in _verbs():
            raise InputError(f"'{part}' is no step")
        self.count += 1
        name, image = f"s{self.count}", builder.last
        try:
            order, finds = _order(verb, rest, state)
            step = builder.take(order, name)
        except (InputError, Unfit) as error:
            raise InputError(f"'{part}': {error}") from error
        makes = all_tools()[step.tool].makes
        if makes == "text":
            state.looked, state.found = name, name if finds else state.found
        elif makes == "cutout":
            builder.last = image
            state.names |= {rest or "piece": name, "last piece": name}
        return [step]


def _order(verb: str, rest: str, state: _State) -> tuple[Order, bool]:
    """The order of a step, and whether later steps may use what it finds. Raises `InputError`."""
    if verb == "edit":
        act, facts = act_of(rest)
        return Order(act, facts, "asked", on=_image(state), prompt=rest), False
    found, kind = _verbs()[verb]
    first = found.facts[0].rstrip("?") if found.facts else ""
    facts = kind.facts(rest) if kind.facts is not None else {first: rest} if first and rest else {}
    takes = found.takes
    if "box" in takes and "region" not in facts and state.found is None:
        raise InputError("nothing was found yet")
    if "mask" in takes and not state.builder.masks:
        raise InputError("there is no mask to cut out by")
    content = _asset(facts.pop("content", "last piece"), state) if "content" in takes else None
    scale = float(facts.pop("scale")) if "scale" in facts else None
    position: Value | None = None
    if "where" in facts:
        position, facts["where"] = _place(facts["where"], state)
    on = _image(state) if all_tools()[found.tool].default_image is not None else None
    mask = state.builder.masks[-1] if "mask" in takes else None
    order = Order(found.name, facts, kind.purpose, on, state.found, mask, content, position=position, scale=scale)
    return order, kind.finds


def _verbs() -> dict[str, tuple[Act, Verb]]:
    """Every verb with its act. An act without verbs goes by its name, an edit by `edit`."""
    return {
        verb: (act, kind)
        for act in all_acts().values()
        if not act.prompts
        for verb, kind in (act.verbs or {act.name.replace(" ", "_"): Verb()}).items()
    }


def _image(state: _State) -> str:
    if not state.builder.last:
        raise InputError("there is no picture yet: the task has no input, so it must begin with gen")
    return state.builder.last


def _asset(name: str, state: _State) -> str:
    asset = state.names.get(name, name)
    if name not in state.names and not name.startswith("img_"):
        raise InputError(f"nothing is called '{name}'")
    return asset


def _place(words: str, state: _State) -> tuple[Value, str]:
    if words == "here":
        box = state.builder.box_of(state.found, state.builder.last) if state.found is not None else None
        if box is None:
            raise InputError("nothing was found yet")
        return box, "where it was found"
    if words in PLACES:
        return PLACES[words], _SPOKEN[words]
    across, down = (int(number) for number in words.split(","))
    return (across, down), words


def act_of(prompt: str) -> tuple[str, dict[str, str]]:
    """The act that a prompt of ImageEdit asks for, and its facts (`thing`, `color`, …)."""
    for act in sorted(acts_of("ImageEdit").values(), key=lambda act: act.rank):
        for pattern in act.prompts:
            if match := re.fullmatch(pattern, prompt):
                return act.name, {name.rstrip("_"): value for name, value in match.groupdict().items() if value}
    raise InputError(f"no act asks for '{prompt}'")


def _split(text: str) -> list[str]:
    """At semicolons, braces and bars that stand outside of quotation marks."""
    parts, quoted, now = [], False, ""
    for sign in text:
        quoted ^= sign == '"'
        if sign in ";{|}" and not quoted:
            parts += [now, sign] if sign != ";" else [now]
            now = ""
        else:
            now += sign
    return [part for part in (*parts, now) if part.strip()]
