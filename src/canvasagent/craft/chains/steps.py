"""From a step of a chain to a call: its arguments, its facts in words, and what the picture shows afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from canvasagent.craft.chains.slots import Entity, SceneSlot, Unfit, a, words
from canvasagent.craft.chains.views import PictureState, TextState, ThingState, cropped, enlarged, flipped, rotated
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Found, Made, Value
from canvasagent.imaging.geometry import grown

INSET = 0.34
"""Height or width of a picture that is laid over another one, as a share of that."""


@dataclass
class StepContext:
    """A step that is about to be bound."""

    act: str
    view: PictureState
    """What the picture shows that it works on."""
    facts: dict[str, Any]
    """Entities, scenes and words, by the name of the fact."""
    random: Random
    image: str | Made
    box: Found | Box | None = None
    mask: Made | None = None
    content: str | Made | None = None
    shown: PictureState | None = None
    """What `content` shows."""
    margin: float = 0.0
    id: str = ""

    def thing(self, fact: str = "thing") -> ThingState:
        """The thing that a fact speaks of, as the picture shows it. Raises `Unfit` where it is gone."""
        entity = self.facts[fact]
        item = self.view.item(entity.key) if isinstance(entity, Entity) else None
        if item is None:
            raise Unfit(f"{getattr(entity, 'phrase', entity)} in the picture")
        return item

    def words_for(self, fact: str) -> str:
        """A fact in words, as the picture shows it."""
        value = self.facts[fact]
        if not isinstance(value, Entity):
            return str(value)
        item, line = self.view.item(value.key), self.view.line(value.key)
        if value.is_text:
            if line is None:
                raise Unfit(f"the text {value.phrase} in the picture")
            return line.words
        return item.phrase if item is not None else value.phrase


@dataclass
class Bound:
    """What a step came to."""

    arguments: dict[str, Value]
    facts: dict[str, str] = field(default_factory=dict)
    view: PictureState | None = None
    """What the new picture shows; None where none is made."""


def bind_step(context: StepContext) -> Bound:
    """The call for a step. Raises `Unfit`."""
    if context.act in _EDITS:
        view, facts, prompt = _EDITS[context.act](context)
        return Bound({"image": context.image, "edit_prompt": prompt}, facts, view)
    return _OTHERS[context.act](context)


def _prompt(context: StepContext, name: str, **values: str) -> str:
    options = words()["prompts"][name]
    return str(options[context.random.randrange(len(options))]).format(**values)


Edited = tuple[PictureState, dict[str, str], str]


def _add(context: StepContext) -> Edited:
    new, where = context.facts["thing"], str(context.facts["where"]) if "where" in context.facts else None
    new_phrase = new.phrase if isinstance(new, Entity) else str(new)
    key, name = (new.key, new.name) if isinstance(new, Entity) else (f"new:{new_phrase}", new_phrase)
    parts = {**words()["places"], **words()["sky_places"]}
    item = ThingState(key, name, name, place=parts.get(where or ""), color=_named_color(new_phrase))
    facts = {"thing": new_phrase} | ({"where": where} if where else {})
    prompt = _prompt(context, "add" if where else "add anywhere", a_thing=a(new_phrase), where=where or "")
    return context.view.adding(item), facts, prompt


def _named_color(phrase: str) -> str | None:
    return next((color for color in words()["colours"]["names"] if phrase.startswith(f"{color} ")), None)


def _remove(context: StepContext) -> Edited:
    item = context.thing()
    return context.view.without(item.key), {"thing": item.phrase}, _prompt(context, "remove", thing=item.phrase)


def _replace(context: StepContext) -> Edited:
    item, new = context.thing(), context.facts["new"]
    new_phrase = new.phrase if isinstance(new, Entity) else str(new)
    name = new.name if isinstance(new, Entity) else new_phrase
    changed = replace(item, name=name, phrase=name, color=_named_color(new_phrase), alone=True, box=None, place=None)
    prompt = _prompt(context, "replace", thing=item.phrase, a_new=a(new_phrase))
    return context.view.with_item(changed), {"thing": item.phrase, "new": new_phrase}, prompt


def _recolor(context: StepContext) -> Edited:
    item, color = context.thing(), context.words_for("color")
    phrase = item.name if item.alone else f"{color} {item.name}"
    view = context.view.with_item(replace(item, color=color, phrase=phrase))
    prompt = _prompt(context, "recolor", thing=item.phrase, color=color)
    return view, {"thing": item.phrase, "color": color}, prompt


def _resize(context: StepContext) -> Edited:
    item, size = context.thing(), context.words_for("size")
    prompt = _prompt(context, "resize", thing=item.phrase, size=size)
    return context.view.with_item(replace(item, box=None)), {"thing": item.phrase, "size": size}, prompt


def _move(context: StepContext) -> Edited:
    item, where = context.thing(), context.words_for("where")
    view = context.view.with_item(replace(item, box=None, place=words()["moves"].get(where)))
    return view, {"thing": item.phrase, "where": where}, _prompt(context, "move", thing=item.phrase, where=where)


def _background(context: StepContext) -> Edited:
    setting = context.words_for("setting")
    bare = setting if setting in ("mountains", "snow") else a(setting)
    view = replace(context.view, setting=setting, restyled=True)
    return view, {"setting": setting}, _prompt(context, "background", a_setting=bare)


def _light(context: StepContext) -> Edited:
    light = context.words_for("light")
    return replace(context.view, restyled=True), {"light": light}, _prompt(context, f"light {light}")


def _weather(context: StepContext) -> Edited:
    weather = context.words_for("weather")
    return replace(context.view, restyled=True), {"weather": weather}, _prompt(context, f"weather {weather}")


def _style(context: StepContext) -> Edited:
    style = context.words_for("style")
    prompt = words()["styles"].get(style) or f"turn it into {a(style)}"
    return replace(context.view, restyled=True), {"style": style}, prompt


def _adjust(context: StepContext) -> Edited:
    adjustment = context.words_for("adjustment")
    prompt = words()["adjustments"].get(adjustment) or f"make it {adjustment}"
    return replace(context.view, toned=True), {"adjustment": adjustment}, prompt


def _rewrite(context: StepContext) -> Edited:
    old, new = context.words_for("old"), context.words_for("new")
    entity = context.facts["old"]
    line = context.view.line(entity.key) if isinstance(entity, Entity) else None
    view = context.view.with_line(replace(line, words=new)) if line is not None else context.view
    return view, {"old": old, "new": new}, _prompt(context, "rewrite", old=old, new=new)


def _erase(context: StepContext) -> Edited:
    text, entity = context.words_for("text"), context.facts["text"]
    lines = context.view.lines
    if isinstance(entity, Entity):
        lines = tuple(line for line in lines if line.key != entity.key)
    return replace(context.view, lines=lines), {"text": text}, _prompt(context, "erase", text=text)


_EDITS = {
    "add": _add, "remove": _remove, "replace": _replace, "recolor": _recolor, "resize": _resize, "move": _move,
    "background": _background, "light": _light, "weather": _weather, "style": _style, "adjust": _adjust,
    "rewrite": _rewrite, "erase": _erase,
}  # fmt: skip


def _generate(context: StepContext) -> Bound:
    scene = context.facts["scene"]
    if not isinstance(scene, SceneSlot):
        return Bound(
            {"prompt": str(scene)}, {"prompt": str(scene), "subject": str(scene)}, PictureState(size=(512, 512))
        )
    view = PictureState(items=scene.items, lines=scene.lines, size=(512, 512), drawn=True, setting=scene.setting)
    return Bound({"prompt": scene.prompt}, {"prompt": scene.prompt, "subject": scene.subject.phrase}, view)


def _ground(context: StepContext) -> Bound:
    phrase = context.words_for("thing")
    if _is_text(context):
        phrase = "text"
        if context.view.mirrored:
            raise Unfit("a thing that bears the text, since mirrored letters are not found")
    facts = {"thing": phrase}
    if context.act == "verify":
        entity = context.facts["thing"]
        there = not isinstance(entity, Entity) or context.view.item(entity.key) is not None
        facts["expected"] = (
            context.words_for("expected") if "expected" in context.facts else "there" if there else "gone"
        )
    return Bound({"image": context.image, "reference_text": phrase}, facts)


def _is_text(context: StepContext) -> bool:
    """Whether it is a text that is looked for, because what it stands on has no name."""
    entity = context.facts["thing"]
    return isinstance(entity, Entity) and not entity.is_text and context.view.line(entity.key) is not None


def _read(context: StepContext) -> Bound:
    return Bound({"image": context.image}, {"text": context.words_for("text")} if "text" in context.facts else {})


def _segment(context: StepContext) -> Bound:
    phrase = context.words_for("thing")
    if context.box is None:
        raise Unfit(f"a box of {phrase}")
    return Bound(
        {"image": context.image, "bbox": context.box},
        {"thing": phrase},
        PictureState(kind="mask", size=context.view.size),
    )


def _cut_out(context: StepContext) -> Bound:
    phrase, entity = context.words_for("thing"), context.facts["thing"]
    if context.mask is None:
        raise Unfit(f"a mask of {phrase}")
    item = context.view.item(entity.key) if isinstance(entity, Entity) else None
    shown = cropped(context.view, item.box if item is not None else None, entity.key if item is not None else None)
    view = replace(shown, kind="cutout", items=(replace(item, box=None),) if item is not None else ())
    return Bound({"image": context.image, "mask": context.mask}, {"thing": phrase}, view)


def _paste(context: StepContext) -> Bound:
    where, shown = context.words_for("where"), context.shown or PictureState()
    assert context.content is not None
    arguments: dict[str, Value] = {
        "base_image": context.image, "overlay_type": "object", "content": context.content, "position": _position(where, "insets"),  # noqa: E501
    }  # fmt: skip
    if (scale := _inset(context.view, shown)) is not None:
        arguments["scale"] = scale
    facts = {"where": where}
    if "thing" in context.facts:
        facts["thing"] = context.words_for("thing")
    elif shown.kind == "cutout" and shown.items:
        facts["thing"] = shown.items[0].phrase
    else:
        facts["thing"] = "second picture" if context.content == "img_2" else "picture"
    view = context.view
    if shown.kind == "cutout" and shown.items:
        item = shown.items[0]
        twice = any(other.name == item.name for other in view.items)
        view = view.adding(ThingState(f"pasted:{item.key}", item.name, item.name, color=item.color, alone=not twice))
    return Bound(arguments, facts, view)


def _inset(base: PictureState, shown: PictureState) -> float | None:
    """How much smaller or larger what is laid over must be, to be seen well and hide little; None: unknown."""
    if base.size is None or shown.size is None:
        return None
    share = max(shown.size[0] / base.size[0], shown.size[1] / base.size[1])
    return round(INSET / share, 2)


def _position(where: str, table: str = "spots") -> Value:
    return tuple(words()[table].get(where, (500, 500)))


def _write(context: StepContext) -> Bound:
    text = context.words_for("text")
    if "at" in context.facts:
        where, position = f"over the {context.words_for('at')}", context.box
        if position is None:
            raise Unfit(f"a box of {where}")
    else:
        where = context.words_for("where")
        position = _position(where)  # type: ignore[assignment]
    line = TextState(f"written:{context.id}", text, bearer="label" if "at" in context.facts else None)
    view = replace(context.view, lines=(*context.view.lines, line))
    if "at" in context.facts and isinstance(context.facts["at"], Entity):
        hidden = context.facts["at"].key
        view = replace(view, items=tuple(item for item in view.items if item.key != hidden))
    arguments: dict[str, Value] = {
        "base_image": context.image, "overlay_type": "text", "content": text, "position": position,  # type: ignore[dict-item]
    }  # fmt: skip
    return Bound(arguments, {"text": text, "where": where}, view)


def _crop(context: StepContext) -> Bound:
    if "region" in context.facts:
        region = context.words_for("region")
        part: Box = tuple(words()["regions"].get(region, (250, 250, 750, 750)))
        return Bound({"image": context.image, "bbox": part}, {"region": region}, cropped(context.view, part, None))
    fact = "thing" if "thing" in context.facts else "text"
    phrase, entity = context.words_for(fact), context.facts[fact]
    if context.box is None:
        raise Unfit(f"a box of {phrase}")
    key = entity.key if isinstance(entity, Entity) else ""
    shown, line = context.view.item(key), context.view.line(key)
    view = cropped(context.view, _roomy(shown.box, context.margin) if shown is not None else None, key)
    if line is not None:
        view = replace(view, lines=(replace(line, box=None),))
    facts, box = {fact: phrase if line is None or entity.is_text else "text"}, context.box
    if context.margin and isinstance(box, Found):
        facts["room"], box = "with some room around it", box.model_copy(update={"margin": context.margin})
    return Bound({"image": context.image, "bbox": box}, facts, view)


def _roomy(box: Box | None, margin: float) -> Box | None:
    return None if box is None else grown(box, margin)


def _rotate(context: StepContext) -> Bound:
    angle = int(context.words_for("angle")) % 360
    degrees, way = (360 - angle, "counterclockwise") if angle > 180 else (angle, "clockwise")
    facts = {"angle": str(degrees), "direction": way}
    if "why" in context.facts:
        facts["why"] = context.words_for("why")
    elif context.view.turned and (context.view.turned + angle) % 360 == 0:
        facts["why"] = "upside down" if context.view.turned == 180 else "lying on its side"
    return Bound({"image": context.image, "angle": angle}, facts, rotated(context.view, angle))


def _flip(context: StepContext) -> Bound:
    facts: dict[str, str] = {name: context.words_for(name) for name in ("thing", "why") if name in context.facts}
    return Bound({"image": context.image}, facts, flipped(context.view))


def _enhance(context: StepContext) -> Bound:
    return Bound({"image": context.image}, {}, enlarged(context.view, 4))


_OTHERS = {
    "generate": _generate, "locate": _ground, "verify": _ground, "read": _read, "proofread": _read,
    "segment": _segment, "cut out": _cut_out, "paste": _paste, "write": _write, "crop": _crop, "rotate": _rotate,
    "flip": _flip, "enhance": _enhance,
}  # fmt: skip
