"""What fills the slots of a chain: things and texts of the pictures, and what is drawn by lot (`slots.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, TypeVar

from canvasagent.craft.pictures import Box
from canvasagent.craft.views import PictureState, TextState, ThingState, area, shared

T = TypeVar("T")
_KIND = re.compile(r"(?P<type>[a-z ]+?)(?: (?:for|of) (?P<of>[a-z][a-z0-9_]*))?")
_PLACED = re.compile(
    r"\b(?:left(?:most)?|right(?:most)?|top(?:most)?|bottom|upper|lower|middle|cent(?:er|re)|first|second|third|fourth|fifth|last|largest|smallest|"
    r"biggest|next|behind|front|under|above|between|near|beside|on)\b"
)


class Unfit(Exception):
    """The pictures at hand do not fit a way; others may."""


@dataclass(frozen=True)
class Entity:
    """A thing or a text, by what it is known by."""

    key: str
    name: str
    """What it is called where no picture shows it: the noun, the words."""
    phrase: str
    """As it is asked for when it is new: `red car`."""
    is_text: bool = False


@dataclass(frozen=True)
class SceneSlot:
    """A picture that is to be generated."""

    prompt: str
    subject: Entity
    items: tuple[ThingState, ...]
    lines: tuple[TextState, ...]
    setting: str


Slot = Entity | SceneSlot | str


@dataclass
class Draw:
    """What values are drawn from."""

    random: Random
    views: dict[str, PictureState]
    """By asset: inputs and what steps made so far."""
    slots: dict[str, Slot] = field(default_factory=dict)
    moving: bool = False
    """The picture is mirrored, turned or cropped on the way, so that `the left one` would change its meaning."""
    known: dict[str, str] = field(default_factory=dict)
    """What the source knows of the first picture beside its contents: light, weather."""

    def one(self, options: Iterable[T], what: str) -> T:
        """One of several, by lot. Raises `Unfit` where there is none."""
        listed = list(options)
        if not listed:
            raise Unfit(what)
        return listed[self.random.randrange(len(listed))]

    @property
    def taken(self) -> set[str]:
        """Names of things that are there or asked for."""
        names = {item.name for view in self.views.values() for item in view.items}
        for slot in self.slots.values():
            names |= {slot.name} if isinstance(slot, Entity) else set()
            names |= {item.name for item in slot.items} if isinstance(slot, SceneSlot) else set()
        return names


@cache
def words() -> dict[str, Any]:
    """What `slots.toml` holds, read once."""
    return tomllib.loads(files(__package__).joinpath("slots.toml").read_text(encoding="utf-8"))


def parse(kind: str) -> tuple[str, str | None] | None:
    """A slot's type and the slot or picture that it refers to; None where the type is none that there is."""
    match = _KIND.fullmatch(kind.strip())
    return (match["type"], match["of"]) if match and match["type"] in TYPES else None


def draw(kind: str, here: PictureState, by: Draw) -> Slot:
    """A value of a type (`colour for a`), for a place in the view `here`. Raises `Unfit`."""
    parsed = parse(kind)
    if parsed is None:
        raise ValueError(kind)
    name, of = parsed
    return TYPES[name][1](here, by, of)


def a(noun: str) -> str:
    """A noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _view(here: PictureState, by: Draw, of: str | None) -> PictureState:
    return by.views[of] if of is not None and of.startswith("img_") else here


def _entity(by: Draw, of: str | None) -> Entity:
    slot = by.slots[of or ""]
    return slot.subject if isinstance(slot, SceneSlot) else slot if isinstance(slot, Entity) else Entity("", slot, slot)


def _used(by: Draw) -> set[str]:
    return {slot.key for slot in by.slots.values() if isinstance(slot, Entity)}


def _thing(here: PictureState, by: Draw, of: str | None, apart: bool = False, colored: bool = False) -> Entity:
    view = _view(here, by, of)
    things = [
        item for item in view.items if item.key not in _used(by) and not (by.moving and _PLACED.search(item.phrase))
    ]
    if apart:
        bearers = {line.bearer for line in view.lines}
        things = [item for item in things if item.key not in bearers and not _covered(item, view.items)]
    if colored:
        things = [item for item in things if may_be_recolored(item.name)]
    item = by.one(things, "a thing" + (" that stands apart" if apart else "") + (" to recolor" if colored else ""))
    return Entity(item.key, item.name, item.phrase)


def _covered(item: ThingState, items: Sequence[ThingState]) -> bool:
    """Whether a thing and another one lie over each other."""
    box = item.box
    if box is None:
        return False
    others = [other.box for other in items if other.key != item.key and other.box is not None]
    return any(shared(box, other) > 0.2 or shared(other, box) > 0.2 for other in others) or area(box) < 2500


def may_be_recolored(name: str) -> bool:
    """Whether somebody would ask for another colour of it, and would see it."""
    return name not in words()["colours"]["not_recoloured"] and name not in PEOPLE


PEOPLE = frozenset({"man", "woman", "boy", "girl", "baby", "chef", "police officer", "astronaut", "person"})


def _text(here: PictureState, by: Draw, of: str | None) -> Entity:
    if of is not None and of in by.slots:
        scene = by.slots[of]
        assert isinstance(scene, SceneSlot)
        line = scene.lines[0]
    else:
        view = _view(here, by, of)
        legible = [line for line in view.lines if line.key not in _used(by) and re.search(r"\w{2}", line.words)]
        line = by.one(legible, "a text")
    return Entity(line.key, line.words, line.words, is_text=True)


def _bearer(here: PictureState, by: Draw, of: str | None) -> Entity:
    """The thing that a text stands on; the text itself where that is none that has a name."""
    text = _entity(by, of)
    for slot in by.slots.values():
        if isinstance(slot, SceneSlot) and (line := next((x for x in slot.lines if x.key == text.key), None)):
            sign = next(item for item in slot.items if item.key == line.bearer)
            return Entity(sign.key, sign.name, sign.name)
    for view in (here, *by.views.values()):
        line = view.line(text.key)
        item = view.item(line.bearer) if line is not None and line.bearer is not None else None
        if item is not None and not (by.moving and _PLACED.search(item.phrase)):
            return Entity(item.key, item.name, item.phrase)
    return Entity(text.key, "text", "text")


def _new(here: PictureState, by: Draw, of: str | None, colored: bool = False) -> Entity:
    lists, taken = words()["new"], by.taken
    indoors = here.setting in words()["settings"]["indoors"]
    where = "underwater" if here.setting == "underwater" else "floor" if indoors else "ground"
    if where == "ground" and by.random.random() < 0.2:
        where = "sky"
    options = [name for name in lists[where] if name not in taken and not (colored and not may_be_recolored(name))]
    name = by.one(options, "a new thing")
    phrase = name
    if name in words()["scenes"]["coloured"] and by.random.random() < 0.4:
        phrase = f"{by.one(words()['scenes']['colours'], 'a colour')} {name}"
    return Entity(f"new:{name}", name, phrase)


def _scene(here: PictureState, by: Draw, of: str | None, lettered: bool = False) -> SceneSlot:
    settings = words()["settings"]
    setting = by.one([*settings["outdoors"], *settings["outdoors"], *settings["indoors"]], "a setting")
    view = PictureState(setting=setting)
    form = by.one(words()["generated"]["text" if lettered else "plain"], "a scene")
    first = _new(view, by, None)
    other = _new(view, Draw(by.random, {"": PictureState(items=(ThingState("", first.name, ""),))}), None)
    sign = by.one([sign for sign in words()["words"]["signs"] if " " not in sign], "words")
    prompt = form.format(subject=a(first.phrase), other=a(other.phrase), words=sign, at=words()["at"][setting])
    items = [ThingState("made:subject", first.name, first.name, color=_color_of(first.phrase))]
    lines = []
    if lettered:
        bearer = "billboard" if "billboard" in form else "sign"
        items.append(ThingState("made:sign", bearer, bearer))
        lines.append(TextState("made/text", sign, None, "made:sign"))
    elif "{other}" in form:
        items.append(ThingState("made:other", other.name, other.name, color=_color_of(other.phrase)))
    subject = Entity("made:subject", first.name, first.phrase)
    return SceneSlot(prompt[0].lower() + prompt[1:], subject, tuple(items), tuple(lines), setting)


def _color_of(phrase: str) -> str | None:
    return next((color for color in words()["scenes"]["colours"] if phrase.startswith(f"{color} ")), None)


def _colour(here: PictureState, by: Draw, of: str | None) -> str:
    entity, colours = _entity(by, of), words()["colours"]
    item = here.item(entity.key)
    now = (item.color if item is not None else None) or _color_of(entity.phrase) or ""
    now = colours["same"].get(now, now)
    return str(by.one([name for name in colours["names"] if name not in (now, entity.name)], "a colour"))


def _size(here: PictureState, by: Draw, of: str | None) -> str:
    item = here.item(_entity(by, of).key)
    if item is None or item.box is None:
        return "bigger"
    return "smaller" if area(item.box) > 40_000 or item.box[1] < 150 else "bigger"


def _place(here: PictureState, by: Draw, of: str | None) -> str:
    high = _entity(by, of).name in words()["new"]["sky"]
    return str(by.one(words()["sky_places" if high else "places"], "a place"))


def _move(here: PictureState, by: Draw, of: str | None) -> str:
    item = here.item(_entity(by, of).key)
    middle = (item.box[0] + item.box[2]) / 2 if item is not None and item.box is not None else 500
    goals = {where: part for where, part in words()["moves"].items() if ("left" in part) == (middle > 500)}
    return str(by.one(goals, "a goal"))


def _setting(here: PictureState, by: Draw, of: str | None) -> str:
    settings = words()["settings"]
    return str(
        by.one([name for name in (*settings["outdoors"], *settings["indoors"]) if name != here.setting], "a place")
    )


def _listed(*path: str, but: str | None = None) -> Callable[[PictureState, Draw, str | None], str]:
    def drawn(here: PictureState, by: Draw, of: str | None) -> str:
        options: Any = words()
        for key in path:
            options = options[key]
        there = {line.words for line in here.lines} | {slot for slot in by.slots.values() if isinstance(slot, str)}
        now = by.known.get(but) if but is not None else None
        return str(by.one([str(item) for item in options if item not in there and item != now], path[-1]))

    return drawn


def _weather(here: PictureState, by: Draw, of: str | None) -> str:
    if here.setting in (*words()["settings"]["indoors"], "underwater", "space"):
        raise Unfit("a place under the sky")
    return _listed("weather", "names", but="weather")(here, by, of)


def _words(here: PictureState, by: Draw, of: str | None) -> str:
    old = _entity(by, of).name
    there = {line.words.upper() for line in here.lines} | {old.upper()}
    fitting = [sign for sign in words()["words"]["signs"] if sign not in there and len(sign) <= max(len(old) + 2, 5)]
    new = str(by.one(fitting, "words"))
    return new if old.isupper() else new.capitalize() if " " not in new else new.title()


def _spot(here: PictureState, by: Draw, of: str | None) -> str:
    """A place for what is laid over, where it covers no text and not the middle of a thing."""
    blind = any(line.box is None for line in here.lines) or any(item.box is None for item in here.items)
    free = []
    for where, (x, y) in words()["spots"].items():
        wide = 320 if "corner" not in where else 190
        box: Box = max(x - wide, 0), max(y - 90, 0), min(x + wide, 1000), min(y + 90, 1000)
        busy = [line.box for line in here.lines if line.box is not None]
        busy += [_core(item.box) for item in here.items if item.box is not None]
        placed = [item.place for item in here.items if item.place]
        clash = any(part in where for part in placed) or any(shared(other, box) > 0 for other in busy)
        if not clash and not (blind and "top" not in where):
            free.append(where)
    return str(by.one(free, "a free place to write on"))


def _core(box: Box) -> Box:
    wide, tall = (box[2] - box[0]) // 4, (box[3] - box[1]) // 4
    return box[0] + wide, box[1] + tall, box[2] - wide, box[3] - tall


def _upright(here: PictureState, by: Draw, of: str | None) -> str:
    if here.turned == 0:
        raise Unfit("a picture that is turned")
    return str(-here.turned % 360)


def _back(here: PictureState, by: Draw, of: str | None) -> str:
    return str(-here.turn % 360)


TYPES: dict[str, tuple[str, Callable[[PictureState, Draw, str | None], Slot]]] = {
    "thing": ("", _thing),
    "thing apart": ("", lambda here, by, of: _thing(here, by, of, apart=True)),
    "thing to recolor": ("", lambda here, by, of: _thing(here, by, of, apart=True, colored=True)),
    "text": ("", _text),
    "bearer": ("text", _bearer),
    "new": ("", _new),
    "new to recolor": ("", lambda here, by, of: _new(here, by, of, colored=True)),
    "scene": ("", _scene),
    "scene with text": ("", lambda here, by, of: _scene(here, by, of, lettered=True)),
    "subject": ("scene", lambda here, by, of: _entity(by, of)),
    "colour": ("thing", _colour),
    "size": ("thing", _size),
    "place": ("thing", _place),
    "move": ("thing", _move),
    "setting": ("", _setting),
    "light": ("", _listed("light", "names", but="light")),
    "weather": ("", _weather),
    "style": ("", _listed("styles")),
    "adjustment": ("", _listed("adjustments")),
    "words": ("text", _words),
    "caption": ("", _listed("words", "captions")),
    "name": ("", _listed("words", "names")),
    "spot": ("", _spot),
    "region": ("", _listed("regions")),
    "angle": ("", _listed("angles", "any")),
    "skew": ("", _listed("angles", "skew")),
    "upright": ("", _upright),
    "back": ("", _back),
}
"""Every type: what it must be said `for` or `of` (empty: nothing is needed), and how it is drawn."""
