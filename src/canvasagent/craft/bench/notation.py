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

Steps are separated by semicolons. A branch is `?CONDITION y{ … | … }`: what is done where it holds, and where not; `y`
or `n` tells how it turns out on the task's pictures. With `?` a step of its own looks; `!` asks what the last look saw:

    ?PHRASE  something is found    ?3 PHRASE  at least so many are    ?text  any text is read    ?"TEXT"  it says so
    ?up      the text stands upside down
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from canvasagent.craft.acts import Act, Verb, act_named, acts_of, all_acts, plain_verb
from canvasagent.craft.plan import Branch, Condition, Found, Made, Node, Plan, Step, Value
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
    reader = _Reader(do)
    nodes = reader.nodes(_State("img_1" if rest.get("pictures") else ""))
    if reader.at < len(reader.parts):
        raise InputError(f"'{reader.parts[reader.at]}' closes nothing")
    image = reader.end.image if reader.end is not None else ""
    steps = Plan(chain=chain, nodes=tuple(nodes)).path()
    answers = any(step.purpose == "answer" for step in steps)
    result = image.step if isinstance(image, Made) else None if answers or not image else image
    return Plan(chain=chain, nodes=tuple(nodes), result=result, **rest)


@dataclass
class _State:
    """Where in a plan the reading is: the picture at hand, what was found last, what has a name."""

    image: str | Made
    found: str | None = None
    found_on: str | Made | None = None
    through: tuple[str, ...] = ()
    looked: str | None = None
    mask: str | None = None
    names: dict[str, str | Made] = field(default_factory=dict)

    def copy(self) -> _State:
        """For one side of a branch."""
        return _State(self.image, self.found, self.found_on, self.through, self.looked, self.mask, dict(self.names))

    def become(self, other: _State) -> None:
        """Go on from the side that holds."""
        self.__dict__.update(other.__dict__)

    def picture(self) -> str | Made:
        """The picture at hand. Raises `InputError` where there is none."""
        if not self.image:
            raise InputError("there is no picture yet: the task has no input, so it must begin with gen")
        return self.image

    def box(self, text: str | None = None) -> Found:
        """The box that was found last, or that of a line. Raises `InputError` where nothing was found."""
        if self.found is None:
            raise InputError("nothing was found yet")
        return Found(step=self.found, text=text, through=self.through)

    def place(self, words: str) -> tuple[Value, str]:
        """A place of the notation as an argument and in words."""
        if words == "here":
            return self.box(), "where it was found"
        if words in PLACES:
            return PLACES[words], _SPOKEN[words]
        across, down = (int(number) for number in words.split(","))
        return (across, down), words

    def after(self, act: Act, verb: Verb, rest: str, name: str) -> None:
        """What is at hand once a step is made."""
        made, makes = Made(step=name), all_tools()[act.tool].makes
        if makes == "text":
            self.looked = name
            if verb.finds:
                self.found, self.found_on, self.through = name, self.image, ()
        elif makes == "mask":
            self.mask = name
        elif makes == "cutout":
            self.names[rest or "piece"] = self.names["last piece"] = made
        else:
            self.image = made
            self.through = (*self.through, name) if act.carries else self.through


class _Reader:
    """Reads tokens: steps, `{`, `|`, `}`."""

    def __init__(self, text: str) -> None:
        self.parts = [part.strip() for part in _split(text)]
        self.at, self.count = 0, 0
        self.end: _State | None = None

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
        self.end = state
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
        rest = rest.strip()
        if verb == "as":
            state.names[rest] = state.image
            return []
        if verb == "use":
            state.image = state.names.get(rest, rest)
            if not isinstance(state.image, Made) and not state.image.startswith("img_"):
                raise InputError(f"nothing is called '{rest}'")
            return []
        self.count += 1
        name = f"s{self.count}"
        if verb == "edit":
            chosen, facts = act_of(rest)
            act, meaning = act_named(chosen), Verb(plain_verb)
            arguments: dict[str, Value] = {"image": state.picture(), "edit_prompt": rest}
        elif verb in _verbs():
            act, meaning = _verbs()[verb]
            arguments, facts = meaning.read(rest, state)
        else:
            raise InputError(f"'{part}' is no step")
        state.after(act, meaning, rest, name)
        return [Step(id=name, tool=act.tool, arguments=arguments, act=act.name, facts=facts, purpose=meaning.purpose)]


def _verbs() -> dict[str, tuple[Act, Verb]]:
    """The verbs of every act; read anew, since plug-ins come and go."""
    return {name: (act, verb) for act in all_acts().values() for name, verb in act.verbs.items()}


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
