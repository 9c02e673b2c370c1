"""What may be asked for about a whole picture: how it looks and lies, what of it is left, what is laid over it."""

from __future__ import annotations

from canvasagent.craft.acts import Draft
from canvasagent.craft.asking.things import Run, free_items, large, one, spot, stays_identified
from canvasagent.craft.slots import Entity, Unfit


def overall(act: str, fact: str, kind: str) -> Run:
    """A block: an edit of the whole picture, with a fact drawn by lot."""

    def run(draft: Draft) -> None:
        if act in draft.shared.once:
            raise Unfit(f"a request without {act} so far")
        draft.shared.once.add(act)
        draft.take(act, "asked", {fact: str(draft.draw(kind))})

    return run


def once(act: str) -> Run:
    """A block: a tool that takes nothing but the picture, asked for once."""

    def run(draft: Draft) -> None:
        if act in draft.shared.once or (act == "enhance" and max(draft.view.size or (513, 0)) > 512):
            raise Unfit(f"a picture to {act}")
        draft.shared.once.add(act)
        draft.take(act)

    return run


def rotate(draft: Draft) -> None:
    """Turn the picture by quarter turns."""
    if "rotate" in draft.shared.once:
        raise Unfit("a picture that was not turned yet")
    draft.shared.once.add("rotate")
    draft.take("rotate", angle=draft.random.choice(("90", "90", "180", "270")))


def crop_region(draft: Draft) -> None:
    """Crop to a part of the picture."""
    if "crop" in draft.shared.once:
        raise Unfit("a picture that was not cropped yet")
    draft.shared.once.add("crop")
    draft.take("crop", region=str(draft.draw("region")))


def crop_thing(between: Run | None = None) -> Run:
    """Crop to a thing; `between`: what is done to the picture after the thing was found."""

    def run(draft: Draft) -> None:
        items = [item for item in free_items(draft) if item.box is not None and item.key.startswith("img_")]
        if "crop" in draft.shared.once:
            raise Unfit("a picture that was not cropped yet")
        draft.shared.once.add("crop")
        thing = one(draft, items, "a thing to crop to")
        draft.take("locate", "needed", thing=thing)
        if between is not None:
            between(draft)
        draft.take("crop", thing=thing, margin=draft.random.choice((0.0, 0.0, 0.15)))

    return run


# ── cutting out and pasting ──────────────────────────────────────────────────────────────────────────────────


def _cut(draft: Draft, on: str, thing: Entity) -> None:
    draft.take("locate", "needed", thing=thing, on=on)
    draft.take("segment", "needed", thing=thing, on=on)


def cut_out(draft: Draft) -> None:
    """Cut a thing out: the result."""
    items = [item for item in free_items(draft) if item.box is not None and item.key.startswith("img_")]
    thing = one(draft, items, "a thing to cut out")
    _cut(draft, draft.last, thing)
    draft.take("cut out", thing=thing)


def paste_from(number: int) -> Run:
    """Cut a thing out of another input and put it into the picture at hand."""

    def run(draft: Draft) -> None:
        base, other = draft.last, f"img_{number}"
        here = {item.name for item in draft.view.items}
        items = [
            item for item in draft.builder.views[other].items
            if item.name not in here and large(item) and stays_identified(item) and item.key not in draft.shared.claimed
        ]  # fmt: skip
        if not draft.view.upright:
            raise Unfit("an upright picture to paste into")
        thing = one(draft, items, "a thing to take over")
        _cut(draft, other, thing)
        draft.take("cut out", "needed", thing=thing, on=other)
        draft.take("paste", on=base, thing=thing, where=_inset_place(draft, base))

    return run


def inset(number: int) -> Run:
    """Put another input, as it is, over a corner of the picture at hand."""

    def run(draft: Draft) -> None:
        base = draft.last
        where = _inset_place(draft, base)
        draft.take("paste", on=base, content=f"img_{number}", where=where)

    return run


def _inset_place(draft: Draft, base: str) -> str:
    kept, draft.builder.last = draft.builder.last, base
    try:
        return spot(draft)
    finally:
        draft.builder.last = kept
