"""What a part of a request may ask for: blocks of one to four calls, each a function that adds its steps to a draft.

A block raises `Unfit` where the pictures at hand do not suit it. What a block changes it claims, so that no other
part of the request speaks of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from canvasagent.craft.chains.slots import Entity, Unfit, may_be_recolored, words
from canvasagent.craft.chains.views import Item, Line, shared
from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Act
from canvasagent.craft.rl.draft import Draft, entity

Run = Callable[[Draft], None]
SMALLEST = 8_000
"""Area of a thing on the 0–1000 grid (of a million) from which it is asked for."""
MOST_NEW = 2
"""Things that are added to one picture, at most."""
CROWDED = 6
"""Things from which a picture has no room for more."""
FULL = 0.3
"""Share of a part of the picture that things may take up where something is put there."""
PARTS: dict[str, Box] = {
    "left": (0, 300, 420, 1000), "right": (580, 300, 1000, 1000), "top left": (0, 0, 400, 400),
    "top right": (600, 0, 1000, 400), "top": (250, 0, 750, 350),
}  # fmt: skip
"""Where what is added to a part of the picture comes to lie, more or less."""
HARD_TO_LOSE = frozenset({"cloud", "traffic light", "key"})
"""Things of which something seems left once they are gone, or that are easily missed."""


@dataclass(frozen=True)
class Block:
    """A part of a request."""

    name: str
    tools: tuple[str, ...]
    """As tables print them, in order: `Edit`, `Grounding`."""
    weight: float
    run: Run

    @property
    def calls(self) -> int:
        """How many calls it takes."""
        return len(self.tools)


def free_items(draft: Draft) -> list[Item]:
    """Things of the picture at hand that no part of the request speaks of yet and that can be told apart."""
    view = draft.view
    if not view.upright or view.restyled:
        return []
    bearers = {line.bearer for line in view.lines}
    return [
        item for item in view.items
        if item.key not in draft.shared.claimed and item.key not in bearers and _large(item) and _told(item)
    ]  # fmt: skip


def _large(item: Item) -> bool:
    return item.box is None or (item.box[2] - item.box[0]) * (item.box[3] - item.box[1]) >= SMALLEST


def _told(item: Item) -> bool:
    """Whether it is picked out however the picture is changed: not by its place or size."""
    return item.phrase == item.name or (item.color is not None and item.phrase == f"{item.color} {item.name}")


def free_lines(draft: Draft) -> list[Line]:
    """Texts likewise."""
    view = draft.view
    return [line for line in view.lines if line.key not in draft.shared.claimed and view.upright and not view.restyled]


def one(draft: Draft, items: Sequence[Item], what: str) -> Entity:
    """One of several things, claimed. Raises `Unfit` where there is none."""
    if not items or not draft.view.drawn:
        raise Unfit(what)
    item = items[draft.random.randrange(len(items))]
    draft.claim(item.key)
    return entity(item)


# ── edits of things ──────────────────────────────────────────────────────────────────────────────────────────


def edit(draft: Draft, act: Act, thing: Entity) -> str:
    """One edit of a thing; the phrase by which it can be looked for afterwards."""
    if act == "recolor":
        if not may_be_recolored(thing.name):
            raise Unfit(f"a thing to recolor, which the {thing.name} is not")
        color = str(draft.draw("colour for a", a=thing))
        if any(item.name == thing.name and item.color == color for item in draft.view.items):
            raise Unfit("a colour that tells it apart")
        draft.take("Edit", act, thing=thing, color=color)
        return f"{color} {thing.name}"
    if act == "replace":
        new = draft.draw("new")
        assert isinstance(new, Entity)
        draft.take("Edit", act, thing=thing, new=new)
        return new.said
    if act in ("resize", "move"):
        kind = {"resize": "size", "move": "move"}[act]
        value = str(draft.draw(f"{kind} for a", a=thing))
        draft.take("Edit", act, "asked", thing=thing, **{"size" if act == "resize" else "where": value})
        return thing.said
    draft.take("Edit", act, thing=thing)
    return thing.said


def _edit(act: Act, sure: bool) -> Run:
    def run(draft: Draft) -> None:
        items = free_items(draft)
        if act in ("move", "remove", "replace"):
            names = Counter(item.name for item in draft.view.items)
            items = [item for item in items if names[item.name] == 1 and item.name not in HARD_TO_LOSE]
        thing = one(draft, items, f"a thing to {act}")
        phrase = edit(draft, act, thing)
        if sure:
            verify(draft, phrase, "gone" if act == "remove" else "there")

    return run


def add(draft: Draft, new: Entity | None = None) -> Entity:
    """Add a thing: a certain one, or one drawn by lot."""
    added = [item for item in draft.view.items if item.key.startswith("new:")]
    crowded = len(added) >= MOST_NEW or len(draft.view.items) >= CROWDED
    if not draft.view.drawn or not draft.view.upright or crowded:
        raise Unfit("a picture that things can be added to")
    thing = new or draft.draw("new")
    assert isinstance(thing, Entity)
    where = str(draft.draw("place for a", a=thing))
    if not _free(draft, where):
        raise Unfit("a free place")
    draft.claim(thing.key)
    draft.take("Edit", "add", thing=thing, where=where)
    return thing


def _part(place: str | None) -> str:
    """The part of the picture that a place is in: a lower corner is its side."""
    return (place or "").removeprefix("bottom ")


def _free(draft: Draft, where: str) -> bool:
    """Whether nothing was put there, and little stands there."""
    part = _part({**words()["places"], **words()["sky_places"]}.get(where))
    region = PARTS[part]
    there = sum(shared(region, item.box) for item in draft.view.items if item.box is not None)
    put = {_part(item.place) for item in draft.view.items if item.place}
    return part not in put and f"put: {part}" not in draft.shared.once and there < FULL


def _put(draft: Draft, where: str) -> None:
    """Note that something was laid over a corner: nothing else is put there."""
    draft.shared.once.add(f"put: {_part(where.removeprefix('in the ').removesuffix(' corner'))}")


def _add(sure: bool) -> Run:
    def run(draft: Draft) -> None:
        thing = add(draft)
        if sure:
            verify(draft, thing.said, "there")

    return run


def verify(draft: Draft, phrase: str, expected: str) -> None:
    """Look whether something is there, or gone."""
    draft.take("Grounding", "verify", "check", thing=phrase, expected=expected)


def _still_there(draft: Draft) -> None:
    """Look whether a thing is still there that nothing was done to, once something else was changed."""
    if not draft.binder.parents:
        raise Unfit("a picture that was changed")
    thing = one(draft, free_items(draft), "a thing to look for")
    verify(draft, thing.said, "there")


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────


def _rewrite(sure: bool) -> Run:
    def run(draft: Draft) -> None:
        new = rewrite(draft, text(draft))
        if sure:
            draft.take("OCR", "proofread", "check", text=new)

    return run


def text(draft: Draft) -> Entity:
    """A text of the picture, claimed."""
    lines = [line for line in free_lines(draft) if sum(c.isalpha() for c in line.words) >= 3 and len(line.words) <= 18]
    if not lines:
        raise Unfit("a text")
    line = lines[draft.random.randrange(len(lines))]
    draft.claim(line.key)
    return Entity(line.key, line.words, line.words, is_text=True)


def rewrite(draft: Draft, old: Entity) -> str:
    """Change a text; what it says then."""
    new = str(draft.draw("words for a", a=old))
    draft.take("Edit", "rewrite", old=old, new=new)
    return new


def erase(draft: Draft) -> None:
    """Take a text away."""
    draft.take("Edit", "erase", text=text(draft))


def _write(sure: bool) -> Run:
    def run(draft: Draft) -> None:
        if "write" in draft.shared.once or not draft.view.upright:
            raise Unfit("a picture to write on")
        draft.shared.once.add("write")
        caption, where = str(draft.draw("caption")), str(draft.draw("spot"))
        _put(draft, where)
        draft.take("Overlay", "write", text=caption, where=where)
        if sure:
            draft.take("OCR", "proofread", "check", text=caption)

    return run


def read(draft: Draft) -> None:
    """Say what is written: the answer."""
    if "read" in draft.shared.once or not draft.view.lines or not draft.view.upright:
        raise Unfit("a text to read")
    draft.shared.once.add("read")
    draft.claim(*(line.key for line in draft.view.lines))
    draft.take("OCR", "read", "answer")


# ── the whole picture ────────────────────────────────────────────────────────────────────────────────────────


def _whole(act: Act, fact: str, kind: str) -> Run:
    def run(draft: Draft) -> None:
        if act in draft.shared.once:
            raise Unfit(f"a request without {act} so far")
        draft.shared.once.add(act)
        draft.take("Edit", act, "asked", **{fact: str(draft.draw(kind))})

    return run


def _once(tool: str, act: Act) -> Run:
    def run(draft: Draft) -> None:
        if act in draft.shared.once or (act == "enhance" and max(draft.view.size or (513, 0)) > 512):
            raise Unfit(f"a picture to {act}")
        draft.shared.once.add(act)
        draft.take(tool, act)

    return run


def _rotate(draft: Draft) -> None:
    if "rotate" in draft.shared.once:
        raise Unfit("a picture that was not turned yet")
    draft.shared.once.add("rotate")
    draft.take("Rotate", "rotate", angle=draft.random.choice(("90", "90", "180", "270")))


def _crop_region(draft: Draft) -> None:
    if "crop" in draft.shared.once:
        raise Unfit("a picture that was not cropped yet")
    draft.shared.once.add("crop")
    draft.take("Crop", "crop", region=str(draft.draw("region")))


def _crop_thing(between: Run | None = None) -> Run:
    """Crop to a thing; `between`: what is done to the picture after the thing was found."""

    def run(draft: Draft) -> None:
        items = [item for item in free_items(draft) if item.box is not None and item.key.startswith("img_")]
        if "crop" in draft.shared.once:
            raise Unfit("a picture that was not cropped yet")
        draft.shared.once.add("crop")
        thing = one(draft, items, "a thing to crop to")
        draft.take("Grounding", "locate", "needed", thing=thing)
        if between is not None:
            between(draft)
        draft.take("Crop", "crop", thing=thing, margin=draft.random.choice((0.0, 0.0, 0.15)))

    return run


# ── cutting out and pasting ──────────────────────────────────────────────────────────────────────────────────


def _cut(draft: Draft, on: str, thing: Entity) -> None:
    draft.take("Grounding", "locate", "needed", thing=thing, on=on)
    draft.take("SAM", "segment", "needed", thing=thing, on=on)


def cut_out(draft: Draft) -> None:
    """Cut a thing out: the result."""
    items = [item for item in free_items(draft) if item.box is not None and item.key.startswith("img_")]
    thing = one(draft, items, "a thing to cut out")
    _cut(draft, draft.last, thing)
    draft.take("Extract", "cut out", thing=thing)


def paste_from(number: int) -> Run:
    """Cut a thing out of another input and put it into the picture at hand."""

    def run(draft: Draft) -> None:
        base, other = draft.last, f"img_{number}"
        here = {item.name for item in draft.view.items}
        items = [
            item for item in draft.binder.views[other].items
            if item.name not in here and _large(item) and _told(item) and item.key not in draft.shared.claimed
        ]  # fmt: skip
        if not draft.view.upright:
            raise Unfit("an upright picture to paste into")
        thing = one(draft, items, "a thing to take over")
        _cut(draft, other, thing)
        draft.take("Extract", "cut out", "needed", thing=thing, on=other)
        draft.take("Overlay", "paste", on=base, thing=thing, where=_inset_place(draft, base))

    return run


def inset(number: int) -> Run:
    """Put another input, as it is, over a corner of the picture at hand."""

    def run(draft: Draft) -> None:
        base = draft.last
        where = _inset_place(draft, base)
        draft.take("Overlay", "paste", on=base, content=f"img_{number}", where=where)

    return run


def _inset_place(draft: Draft, base: str) -> str:
    kept, draft.binder.last = draft.binder.last, base
    try:
        where = str(draft.draw("spot"))
    finally:
        draft.binder.last = kept
    _put(draft, where)
    return where


EARLY: tuple[Block, ...] = (
    Block("recolor", ("Edit",), 3, _edit("recolor", False)),
    Block("recolor, look", ("Edit", "Grounding"), 2.5, _edit("recolor", True)),
    Block("remove", ("Edit",), 2, _edit("remove", False)),
    Block("remove, look", ("Edit", "Grounding"), 2, _edit("remove", True)),
    Block("replace", ("Edit",), 1.5, _edit("replace", False)),
    Block("replace, look", ("Edit", "Grounding"), 2, _edit("replace", True)),
    Block("resize", ("Edit",), 0.8, _edit("resize", False)),
    Block("move", ("Edit",), 0.4, _edit("move", False)),
    Block("add", ("Edit",), 2.5, _add(False)),
    Block("add, look", ("Edit", "Grounding"), 2.5, _add(True)),
    Block("still there", ("Grounding",), 0.6, _still_there),
    Block("rewrite", ("Edit",), 1.5, _rewrite(False)),
    Block("rewrite, read", ("Edit", "OCR"), 3, _rewrite(True)),
    Block("erase", ("Edit",), 0.5, erase),
    Block("write", ("Overlay",), 1.5, _write(False)),
    Block("write, read", ("Overlay", "OCR"), 2.5, _write(True)),
    Block("read", ("OCR",), 0.5, read),
)
"""What is asked for while the picture still lies and looks as it did."""
LATE: tuple[Block, ...] = (
    Block("adjust", ("Edit",), 3, _whole("adjust", "adjustment", "adjustment")),
    Block("style", ("Edit",), 0.6, _whole("style", "style", "style")),
    Block("light", ("Edit",), 0.3, _whole("light", "light", "light")),
    Block("weather", ("Edit",), 0.3, _whole("weather", "weather", "weather")),
    Block("background", ("Edit",), 0.3, _whole("background", "setting", "setting")),
)
"""After which colours, and beyond the first of them things, are not what they were."""
LAST: tuple[Block, ...] = (
    Block("crop to a thing", ("Grounding", "Crop"), 3, _crop_thing()),
    Block("find, mirror, crop", ("Grounding", "Flip", "Crop"), 1, _crop_thing(_once("Flip", "flip"))),
    Block("crop to a part", ("Crop",), 1, _crop_region),
    Block("cut out", ("Grounding", "SAM", "Extract"), 3, cut_out),
    Block("enlarge", ("SR",), 2, _once("SR", "enhance")),
    Block("mirror", ("Flip",), 2, _once("Flip", "flip")),
    Block("turn", ("Rotate",), 2, _rotate),
)
"""Which change how the picture lies, or what of it is left; in the order in which they come."""
ASIDE: tuple[str, ...] = (
    "recolor", "remove", "replace", "resize", "add", "write", "adjust", "style", "light", "weather", "mirror",
)  # fmt: skip
"""What a side that is not carried out may ask for."""
BY_NAME = {block.name: block for block in (*EARLY, *LATE, *LAST)}
