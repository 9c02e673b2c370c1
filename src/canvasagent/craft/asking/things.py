"""What may be asked for about the things and texts of a picture: found, changed, added, looked for, read.

Each function adds its steps to a draft and claims what it changes, so that no other part of the request speaks of it.
It raises `Unfit` where the picture at hand does not suit it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from canvasagent.craft.acts import Draft
from canvasagent.craft.pictures import Box
from canvasagent.craft.slots import Entity, Unfit, may_be_recolored, words
from canvasagent.craft.views import TextState, ThingState, shared

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
TRIES = 8
"""Places that are drawn before it is given up to find a free one."""
HARD_TO_LOSE = frozenset({"cloud", "traffic light", "key"})
"""Things of which something seems left once they are gone, or that are easily missed."""


def entity(item: ThingState) -> Entity:
    """A thing of a picture, to speak of."""
    return Entity(item.key, item.name, item.phrase)


def free_items(draft: Draft) -> list[ThingState]:
    """Things of the picture at hand that no part of the request speaks of yet and that can be identified."""
    view = draft.view
    if not view.upright or view.restyled:
        return []
    bearers = {line.bearer for line in view.lines}
    return [
        item for item in view.items
        if item.key not in draft.shared.claimed and item.key not in bearers and large(item) and stays_identified(item)
    ]  # fmt: skip


def large(item: ThingState) -> bool:
    """Whether it is large enough to be spoken of."""
    return item.box is None or (item.box[2] - item.box[0]) * (item.box[3] - item.box[1]) >= SMALLEST


def stays_identified(item: ThingState) -> bool:
    """Whether it is picked out however the picture is changed: not by its place or size."""
    return item.phrase == item.name or (item.color is not None and item.phrase == f"{item.color} {item.name}")


def free_lines(draft: Draft) -> list[TextState]:
    """Texts likewise."""
    view = draft.view
    return [line for line in view.lines if line.key not in draft.shared.claimed and view.upright and not view.restyled]


def one(draft: Draft, items: Sequence[ThingState], what: str) -> Entity:
    """One of several things, claimed. Raises `Unfit` where there is none."""
    if not items or not draft.view.drawn:
        raise Unfit(what)
    item = items[draft.random.randrange(len(items))]
    draft.claim(item.key)
    return entity(item)


# ── edits of things ──────────────────────────────────────────────────────────────────────────────────────────


def edit(draft: Draft, act: str, thing: Entity) -> str:
    """One edit of a thing; the phrase by which it can be looked for afterwards."""
    if act == "recolor":
        if not may_be_recolored(thing.name):
            raise Unfit(f"a thing to recolor, which the {thing.name} is not")
        color = str(draft.draw("colour for a", a=thing))
        if any(item.name == thing.name and item.color == color for item in draft.view.items):
            raise Unfit("a colour that tells it apart")
        draft.take(act, thing=thing, color=color)
        return f"{color} {thing.name}"
    if act == "replace":
        new = draft.draw("new")
        assert isinstance(new, Entity)
        draft.take(act, thing=thing, new=new)
        return new.phrase
    if act in ("resize", "move"):
        kind = {"resize": "size", "move": "move"}[act]
        value = str(draft.draw(f"{kind} for a", a=thing))
        draft.take(act, "asked", {"thing": thing, "size" if act == "resize" else "where": value})
        return thing.phrase
    draft.take(act, thing=thing)
    return thing.phrase


def edited(act: str, sure: bool) -> Run:
    """A block: an edit of a thing that nothing was said of; `sure`: and a look whether it came out."""

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
    draft.take("add", thing=thing, where=where)
    return thing


def _part(place: str | None) -> str:
    """The part of the picture that a place is in: a lower corner is its side."""
    return (place or "").removeprefix("bottom ")


def _free(draft: Draft, where: str) -> bool:
    """Whether nothing was put there, and little stands there."""
    part = _part({**words()["places"], **words()["sky_places"]}.get(where))
    region = PARTS[part]
    there = sum(shared(region, item.box) for item in draft.view.items if item.box is not None)
    placed = {_part(item.place) for item in draft.view.items if item.place}
    return part not in placed and f"put: {part}" not in draft.shared.once and there < FULL


def spot(draft: Draft) -> str:
    """A place to lay something over, where nothing was put yet. Raises `Unfit` where there is none."""
    for _ in range(TRIES):
        where = str(draft.draw("spot"))
        mark = f"put: {_part(where.removeprefix('in the ').removesuffix(' corner'))}"
        if mark not in draft.shared.once:
            draft.shared.once.add(mark)
            return where
    raise Unfit("a free place")


def added(sure: bool) -> Run:
    """A block: something new; `sure`: and a look whether it is there."""

    def run(draft: Draft) -> None:
        thing = add(draft)
        if sure:
            verify(draft, thing.phrase, "there")

    return run


def verify(draft: Draft, phrase: str, expected: str) -> None:
    """Look whether something is there, or gone."""
    draft.take("verify", "check", thing=phrase, expected=expected)


def still_there(draft: Draft) -> None:
    """Look whether a thing is still there that nothing was done to, once something else was changed."""
    if not draft.builder.parents:
        raise Unfit("a picture that was changed")
    thing = one(draft, free_items(draft), "a thing to look for")
    verify(draft, thing.phrase, "there")


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────


def rewritten(sure: bool) -> Run:
    """A block: a text is changed; `sure`: and read."""

    def run(draft: Draft) -> None:
        new = rewrite(draft, text(draft))
        if sure:
            draft.take("proofread", "check", text=new)

    return run


def text(draft: Draft) -> Entity:
    """A text of the picture, claimed; none that the request itself has written there."""
    lines = [line for line in free_lines(draft) if not line.key.startswith("written:")]
    lines = [line for line in lines if sum(c.isalpha() for c in line.words) >= 3 and len(line.words) <= 18]
    if not lines:
        raise Unfit("a text")
    line = lines[draft.random.randrange(len(lines))]
    draft.claim(line.key)
    return Entity(line.key, line.words, line.words, is_text=True)


def rewrite(draft: Draft, old: Entity) -> str:
    """Change a text; what it says then."""
    new = str(draft.draw("words for a", a=old))
    draft.take("rewrite", old=old, new=new)
    return new


def erase(draft: Draft) -> None:
    """Take a text away."""
    draft.take("erase", text=text(draft))


def written(sure: bool) -> Run:
    """A block: a caption; `sure`: and it is read."""

    def run(draft: Draft) -> None:
        if "write" in draft.shared.once or not draft.view.upright:
            raise Unfit("a picture to write on")
        draft.shared.once.add("write")
        caption, where = str(draft.draw("caption")), spot(draft)
        draft.take("write", text=caption, where=where)
        if sure:
            draft.take("proofread", "check", text=caption)

    return run


def read(draft: Draft) -> None:
    """Say what is written: the answer."""
    if "read" in draft.shared.once or not draft.view.lines or not draft.view.upright:
        raise Unfit("a text to read")
    draft.shared.once.add("read")
    draft.claim(*(line.key for line in draft.view.lines))
    draft.take("read", "answer")
