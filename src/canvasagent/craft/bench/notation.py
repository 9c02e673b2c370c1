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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from canvasagent.craft.bench.orders import act_of
from canvasagent.craft.plan import Act, Branch, Condition, Found, Made, Node, Plan, Purpose, Step, Value
from canvasagent.errors import InputError

PLACES = {
    "top": (500, 90), "bottom": (500, 910), "middle": (500, 500), "tl": (200, 110), "tr": (800, 110), "bl": (200, 890),
    "br": (800, 890),
}  # fmt: skip
_SPOKEN = {
    "top": "at the top", "bottom": "at the bottom", "middle": "in the middle", "tl": "in the top left corner",
    "tr": "in the top right corner", "bl": "in the bottom left corner", "br": "in the bottom right corner",
}  # fmt: skip
_CARRIED = ("flip", "turn", "sr", "crop")
"""Steps that move a box."""


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
        maker = _VERBS.get(verb.rstrip("!"))
        if maker is None:
            raise InputError(f"'{part}' is no step")
        tool, act, arguments, facts, purpose = maker(verb, rest, state)
        step = Step(id=name, tool=tool, arguments=arguments, act=act, facts=facts, purpose=purpose)
        _after(verb.rstrip("!"), rest, name, state)
        return [step]


Call = tuple[str, Act, dict[str, Value], dict[str, str], Purpose]


def _after(verb: str, rest: str, name: str, state: _State) -> None:
    """What is at hand once a step is made."""
    made = Made(step=name)
    if verb in ("find", "see", "gone", "tell", "read", "say", "proof"):
        state.looked = name
        if verb not in ("gone", "proof"):
            state.found, state.found_on, state.through = name, state.image, ()
    elif verb == "sam":
        state.mask = name
    elif verb == "cut":
        state.names[rest or "piece"] = made
        state.names["last piece"] = made
    else:
        state.image = made
        state.through = (*state.through, name) if verb in _CARRIED else state.through


def _image(state: _State) -> str | Made:
    if not state.image:
        raise InputError("there is no picture yet: the task has no input, so it must begin with gen")
    return state.image


def _box(state: _State, text: str | None = None) -> Found:
    if state.found is None:
        raise InputError("nothing was found yet")
    return Found(step=state.found, text=text, through=state.through)


def _look(verb: str, rest: str, state: _State) -> Call:
    purposes: dict[str, Purpose] = {
        "find": "needed",
        "find!": "check",
        "see": "check",
        "gone": "check",
        "tell": "answer",
    }
    facts = {"thing": rest}
    if verb in ("see", "gone"):
        facts["expected"] = "gone" if verb == "gone" else "there"
    act: Act = "verify" if verb in ("see", "gone") else "locate"
    return "Grounding", act, {"image": _image(state), "reference_text": rest}, facts, purposes[verb]


def _read(verb: str, rest: str, state: _State) -> Call:
    purposes: dict[str, Purpose] = {"read": "needed", "read!": "check", "proof": "check", "say": "answer"}
    facts = {"text": _unquoted(rest)} if rest else {}
    return "OCR", "proofread" if verb == "proof" else "read", {"image": _image(state)}, facts, purposes[verb]


def _generate(verb: str, rest: str, state: _State) -> Call:
    return "ImageGeneration", "generate", {"prompt": rest}, {"prompt": rest, "subject": rest}, "asked"


def _edit(verb: str, rest: str, state: _State) -> Call:
    arguments: dict[str, Value] = {"image": _image(state), "edit_prompt": rest}
    act, facts = act_of(rest)
    return "ImageEdit", act, arguments, facts, "asked"


def _crop(verb: str, rest: str, state: _State) -> Call:
    image = _image(state)
    if re.fullmatch(r"\d+,\d+,\d+,\d+", rest):
        box = tuple(int(edge) for edge in rest.split(","))
        return "Crop", "crop", {"image": image, "bbox": box}, {"region": rest}, "asked"
    text = _unquoted(rest) if rest else None
    facts = {"text": text} if text else {"thing": "what was found"}
    return "Crop", "crop", {"image": image, "bbox": _box(state, text)}, facts, "asked"


def _turn(verb: str, rest: str, state: _State) -> Call:
    angle = int(rest) % 360
    degrees, way = (360 - angle, "counterclockwise") if angle > 180 else (angle, "clockwise")
    return (
        "Rotate",
        "rotate",
        {"image": _image(state), "angle": angle},
        {"angle": str(degrees), "direction": way},
        "asked",
    )


def _sam(verb: str, rest: str, state: _State) -> Call:
    return (
        "SAM",
        "segment",
        {"image": _image(state), "bbox": _box(state)},
        {"thing": rest or "what was found"},
        "needed",
    )


def _cut(verb: str, rest: str, state: _State) -> Call:
    if state.mask is None:
        raise InputError("there is no mask to cut out by")
    arguments: dict[str, Value] = {"image": _image(state), "mask": Made(step=state.mask)}
    return "Extract", "cut out", arguments, {"thing": rest or "what was found"}, "asked"


def _paste(verb: str, rest: str, state: _State) -> Call:
    match = re.fullmatch(r"(?:(\S+) )?at (\S+)(?: x([\d.]+))?", rest)
    if match is None:
        raise InputError(f"'paste {rest}': say what and where")
    name = match[1] or "last piece"
    content = state.names.get(name, name)
    if not isinstance(content, Made) and not name.startswith("img_"):
        raise InputError(f"nothing is called '{name}'")
    place, where = _place(match[2], state)
    arguments: dict[str, Value] = {
        "base_image": _image(state), "overlay_type": "object", "content": content, "position": place,
    }  # fmt: skip
    if match[3]:
        arguments["scale"] = float(match[3])
    return "Overlayer", "paste", arguments, {"thing": "picture", "where": where}, "asked"


def _write(verb: str, rest: str, state: _State) -> Call:
    match = re.fullmatch(r'"(.+)" at (\S+)', rest)
    if match is None:
        raise InputError(f"'write {rest}': say which words, in quotation marks, and where")
    place, where = _place(match[2], state)
    arguments: dict[str, Value] = {
        "base_image": _image(state), "overlay_type": "text", "content": match[1], "position": place,
    }  # fmt: skip
    return "Overlayer", "write", arguments, {"text": match[1], "where": where}, "asked"


def _place(words: str, state: _State) -> tuple[Value, str]:
    if words == "here":
        return _box(state), "where it was found"
    if words in PLACES:
        return PLACES[words], _SPOKEN[words]
    across, down = (int(number) for number in words.split(","))
    return (across, down), words


def _plain(tool: str, act: Act) -> Any:
    return lambda verb, rest, state: (tool, act, {"image": _image(state)}, {}, "asked")


_VERBS: Mapping[str, Any] = {
    "find": _look, "see": _look, "gone": _look, "tell": _look, "read": _read, "say": _read, "proof": _read,
    "gen": _generate, "edit": _edit, "crop": _crop, "turn": _turn, "sam": _sam, "cut": _cut, "paste": _paste,
    "write": _write, "flip": _plain("Flip", "flip"), "sr": _plain("SR", "enhance"),
}  # fmt: skip


def _unquoted(text: str) -> str:
    return text.strip().strip('"')


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
