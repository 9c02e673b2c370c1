"""From a step of a chain to a call: its arguments, its facts in words, and what the picture shows afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from canvasagent.craft.chains.slots import Entity, SceneSlot, Unfit, a, words
from canvasagent.craft.chains.views import Item, Line, View, cropped, enlarged, flipped, rotated
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Found, Made, Value
from canvasagent.imaging.geometry import grown

INSET = 0.34
"""Height or width of a picture that is laid over another one, as a share of that."""


@dataclass
class Job:
    """A step that is about to be bound."""

    act: str
    view: View
    """What the picture shows that it works on."""
    facts: dict[str, Any]
    """Entities, scenes and words, by the name of the fact."""
    random: Random
    image: str | Made
    box: Found | Box | None = None
    mask: Made | None = None
    content: str | Made | None = None
    shown: View | None = None
    """What `content` shows."""
    margin: float = 0.0
    id: str = ""

    def thing(self, fact: str = "thing") -> Item:
        """The thing that a fact speaks of, as the picture shows it. Raises `Unfit` where it is gone."""
        entity = self.facts[fact]
        item = self.view.item(entity.key) if isinstance(entity, Entity) else None
        if item is None:
            raise Unfit(f"{getattr(entity, 'said', entity)} in the picture")
        return item

    def said(self, fact: str) -> str:
        """A fact in words, as the picture shows it."""
        value = self.facts[fact]
        if not isinstance(value, Entity):
            return str(value)
        item, line = self.view.item(value.key), self.view.line(value.key)
        if value.is_text:
            if line is None:
                raise Unfit(f"the text {value.said} in the picture")
            return line.words
        return item.phrase if item is not None else value.said


@dataclass
class Bound:
    """What a step came to."""

    arguments: dict[str, Value]
    facts: dict[str, str] = field(default_factory=dict)
    view: View | None = None
    """What the new picture shows; None where none is made."""


def bind_step(job: Job) -> Bound:
    """The call for a step. Raises `Unfit`."""
    if job.act in _EDITS:
        view, facts, prompt = _EDITS[job.act](job)
        return Bound({"image": job.image, "edit_prompt": prompt}, facts, view)
    return _OTHERS[job.act](job)


def _prompt(job: Job, name: str, **values: str) -> str:
    options = words()["prompts"][name]
    return str(options[job.random.randrange(len(options))]).format(**values)


Edited = tuple[View, dict[str, str], str]


def _add(job: Job) -> Edited:
    new, where = job.facts["thing"], str(job.facts["where"]) if "where" in job.facts else None
    said = new.said if isinstance(new, Entity) else str(new)
    key, name = (new.key, new.name) if isinstance(new, Entity) else (f"new:{said}", said)
    parts = {**words()["places"], **words()["sky_places"]}
    item = Item(key, name, name, place=parts.get(where or ""), color=_named_color(said))
    facts = {"thing": said} | ({"where": where} if where else {})
    prompt = _prompt(job, "add" if where else "add anywhere", a_thing=a(said), where=where or "")
    return job.view.adding(item), facts, prompt


def _named_color(said: str) -> str | None:
    return next((color for color in words()["colours"]["names"] if said.startswith(f"{color} ")), None)


def _remove(job: Job) -> Edited:
    item = job.thing()
    return job.view.without(item.key), {"thing": item.phrase}, _prompt(job, "remove", thing=item.phrase)


def _replace(job: Job) -> Edited:
    item, new = job.thing(), job.facts["new"]
    said = new.said if isinstance(new, Entity) else str(new)
    name = new.name if isinstance(new, Entity) else said
    changed = replace(item, name=name, phrase=name, color=_named_color(said), alone=True, box=None, place=None)
    prompt = _prompt(job, "replace", thing=item.phrase, a_new=a(said))
    return job.view.with_item(changed), {"thing": item.phrase, "new": said}, prompt


def _recolor(job: Job) -> Edited:
    item, color = job.thing(), job.said("color")
    phrase = item.name if item.alone else f"{color} {item.name}"
    view = job.view.with_item(replace(item, color=color, phrase=phrase))
    prompt = _prompt(job, "recolor", thing=item.phrase, color=color)
    return view, {"thing": item.phrase, "color": color}, prompt


def _resize(job: Job) -> Edited:
    item, size = job.thing(), job.said("size")
    prompt = _prompt(job, "resize", thing=item.phrase, size=size)
    return job.view.with_item(replace(item, box=None)), {"thing": item.phrase, "size": size}, prompt


def _move(job: Job) -> Edited:
    item, where = job.thing(), job.said("where")
    view = job.view.with_item(replace(item, box=None, place=words()["moves"].get(where)))
    return view, {"thing": item.phrase, "where": where}, _prompt(job, "move", thing=item.phrase, where=where)


def _background(job: Job) -> Edited:
    setting = job.said("setting")
    bare = setting if setting in ("mountains", "snow") else a(setting)
    view = replace(job.view, setting=setting, restyled=True)
    return view, {"setting": setting}, _prompt(job, "background", a_setting=bare)


def _light(job: Job) -> Edited:
    light = job.said("light")
    return replace(job.view, restyled=True), {"light": light}, _prompt(job, f"light {light}")


def _weather(job: Job) -> Edited:
    weather = job.said("weather")
    return replace(job.view, restyled=True), {"weather": weather}, _prompt(job, f"weather {weather}")


def _style(job: Job) -> Edited:
    style = job.said("style")
    prompt = words()["styles"].get(style) or f"turn it into {a(style)}"
    return replace(job.view, restyled=True), {"style": style}, prompt


def _adjust(job: Job) -> Edited:
    adjustment = job.said("adjustment")
    prompt = words()["adjustments"].get(adjustment) or f"make it {adjustment}"
    return replace(job.view, toned=True), {"adjustment": adjustment}, prompt


def _rewrite(job: Job) -> Edited:
    old, new = job.said("old"), job.said("new")
    entity = job.facts["old"]
    line = job.view.line(entity.key) if isinstance(entity, Entity) else None
    view = job.view.with_line(replace(line, words=new)) if line is not None else job.view
    return view, {"old": old, "new": new}, _prompt(job, "rewrite", old=old, new=new)


def _erase(job: Job) -> Edited:
    text, entity = job.said("text"), job.facts["text"]
    lines = job.view.lines
    if isinstance(entity, Entity):
        lines = tuple(line for line in lines if line.key != entity.key)
    return replace(job.view, lines=lines), {"text": text}, _prompt(job, "erase", text=text)


_EDITS = {
    "add": _add, "remove": _remove, "replace": _replace, "recolor": _recolor, "resize": _resize, "move": _move,
    "background": _background, "light": _light, "weather": _weather, "style": _style, "adjust": _adjust,
    "rewrite": _rewrite, "erase": _erase,
}  # fmt: skip


def _generate(job: Job) -> Bound:
    scene = job.facts["scene"]
    if not isinstance(scene, SceneSlot):
        return Bound({"prompt": str(scene)}, {"prompt": str(scene), "subject": str(scene)}, View(size=(512, 512)))
    view = View(items=scene.items, lines=scene.lines, size=(512, 512), drawn=True, setting=scene.setting)
    return Bound({"prompt": scene.prompt}, {"prompt": scene.prompt, "subject": scene.subject.said}, view)


def _ground(job: Job) -> Bound:
    phrase = job.said("thing")
    if _is_text(job):
        phrase = "text"
        if job.view.mirrored:
            raise Unfit("a thing that bears the text, since mirrored letters are not found")
    facts = {"thing": phrase}
    if job.act == "verify":
        entity = job.facts["thing"]
        there = not isinstance(entity, Entity) or job.view.item(entity.key) is not None
        facts["expected"] = job.said("expected") if "expected" in job.facts else "there" if there else "gone"
    return Bound({"image": job.image, "reference_text": phrase}, facts)


def _is_text(job: Job) -> bool:
    """Whether it is a text that is looked for, because what it stands on has no name."""
    entity = job.facts["thing"]
    return isinstance(entity, Entity) and not entity.is_text and job.view.line(entity.key) is not None


def _read(job: Job) -> Bound:
    return Bound({"image": job.image}, {"text": job.said("text")} if "text" in job.facts else {})


def _segment(job: Job) -> Bound:
    phrase = job.said("thing")
    if job.box is None:
        raise Unfit(f"a box of {phrase}")
    return Bound({"image": job.image, "bbox": job.box}, {"thing": phrase}, View(kind="mask", size=job.view.size))


def _cut_out(job: Job) -> Bound:
    phrase, entity = job.said("thing"), job.facts["thing"]
    if job.mask is None:
        raise Unfit(f"a mask of {phrase}")
    item = job.view.item(entity.key) if isinstance(entity, Entity) else None
    shown = cropped(job.view, item.box if item is not None else None, entity.key if item is not None else None)
    view = replace(shown, kind="cutout", items=(replace(item, box=None),) if item is not None else ())
    return Bound({"image": job.image, "mask": job.mask}, {"thing": phrase}, view)


def _paste(job: Job) -> Bound:
    where, shown = job.said("where"), job.shown or View()
    assert job.content is not None
    arguments: dict[str, Value] = {
        "base_image": job.image, "overlay_type": "object", "content": job.content, "position": _position(where, "insets"),  # noqa: E501
    }  # fmt: skip
    if (scale := _inset(job.view, shown)) is not None:
        arguments["scale"] = scale
    facts = {"where": where}
    if "thing" in job.facts:
        facts["thing"] = job.said("thing")
    elif shown.kind == "cutout" and shown.items:
        facts["thing"] = shown.items[0].phrase
    else:
        facts["thing"] = "second picture" if job.content == "img_2" else "picture"
    view = job.view
    if shown.kind == "cutout" and shown.items:
        item = shown.items[0]
        twice = any(other.name == item.name for other in view.items)
        view = view.adding(Item(f"pasted:{item.key}", item.name, item.name, color=item.color, alone=not twice))
    return Bound(arguments, facts, view)


def _inset(base: View, shown: View) -> float | None:
    """How much smaller or larger what is laid over must be, to be seen well and hide little; None: unknown."""
    if base.size is None or shown.size is None:
        return None
    share = max(shown.size[0] / base.size[0], shown.size[1] / base.size[1])
    return round(INSET / share, 2)


def _position(where: str, table: str = "spots") -> Value:
    return tuple(words()[table].get(where, (500, 500)))


def _write(job: Job) -> Bound:
    text = job.said("text")
    if "at" in job.facts:
        where, position = f"over the {job.said('at')}", job.box
        if position is None:
            raise Unfit(f"a box of {where}")
    else:
        where = job.said("where")
        position = _position(where)  # type: ignore[assignment]
    line = Line(f"written:{job.id}", text, bearer="label" if "at" in job.facts else None)
    view = replace(job.view, lines=(*job.view.lines, line))
    if "at" in job.facts and isinstance(job.facts["at"], Entity):
        hidden = job.facts["at"].key
        view = replace(view, items=tuple(item for item in view.items if item.key != hidden))
    arguments: dict[str, Value] = {
        "base_image": job.image, "overlay_type": "text", "content": text, "position": position,  # type: ignore[dict-item]
    }  # fmt: skip
    return Bound(arguments, {"text": text, "where": where}, view)


def _crop(job: Job) -> Bound:
    if "region" in job.facts:
        region = job.said("region")
        part: Box = tuple(words()["regions"].get(region, (250, 250, 750, 750)))
        return Bound({"image": job.image, "bbox": part}, {"region": region}, cropped(job.view, part, None))
    fact = "thing" if "thing" in job.facts else "text"
    phrase, entity = job.said(fact), job.facts[fact]
    if job.box is None:
        raise Unfit(f"a box of {phrase}")
    key = entity.key if isinstance(entity, Entity) else ""
    shown, line = job.view.item(key), job.view.line(key)
    view = cropped(job.view, _roomy(shown.box, job.margin) if shown is not None else None, key)
    if line is not None:
        view = replace(view, lines=(replace(line, box=None),))
    facts, found = {fact: phrase if line is None or entity.is_text else "text"}, job.box
    if job.margin and isinstance(found, Found):
        facts["room"], found = "with some room around it", found.model_copy(update={"margin": job.margin})
    return Bound({"image": job.image, "bbox": found}, facts, view)


def _roomy(box: Box | None, margin: float) -> Box | None:
    return None if box is None else grown(box, margin)


def _rotate(job: Job) -> Bound:
    angle = int(job.said("angle")) % 360
    degrees, way = (360 - angle, "counterclockwise") if angle > 180 else (angle, "clockwise")
    facts = {"angle": str(degrees), "direction": way}
    if "why" in job.facts:
        facts["why"] = job.said("why")
    elif job.view.turned and (job.view.turned + angle) % 360 == 0:
        facts["why"] = "upside down" if job.view.turned == 180 else "lying on its side"
    return Bound({"image": job.image, "angle": angle}, facts, rotated(job.view, angle))


def _flip(job: Job) -> Bound:
    facts: dict[str, str] = {name: job.said(name) for name in ("thing", "why") if name in job.facts}
    return Bound({"image": job.image}, facts, flipped(job.view))


def _enhance(job: Job) -> Bound:
    return Bound({"image": job.image}, {}, enlarged(job.view, 4))


_OTHERS = {
    "generate": _generate, "locate": _ground, "verify": _ground, "read": _read, "proofread": _read,
    "segment": _segment, "cut out": _cut_out, "paste": _paste, "write": _write, "crop": _crop, "rotate": _rotate,
    "flip": _flip, "enhance": _enhance,
}  # fmt: skip
