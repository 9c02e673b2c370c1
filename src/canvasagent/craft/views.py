"""What an asset shows, as far as a plan can know: its things and texts, and what was done to them since the input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from canvasagent.craft.pictures import Box, Picture

Size = tuple[int, int]


@dataclass(frozen=True)
class ThingState:
    """A thing, followed through the steps that change it."""

    key: str
    """What it is known by, whatever becomes of it."""
    name: str
    phrase: str
    """Words that pick it out in this picture."""
    box: Box | None = None
    """None: somewhere."""
    color: str | None = None
    alone: bool = True
    """Whether it is the only one of its name."""
    place: str | None = None
    """The part of the picture that it was put in."""


@dataclass(frozen=True)
class TextState:
    """A line of text."""

    key: str
    words: str
    box: Box | None = None
    bearer: str | None = None
    """The thing that it stands on."""


@dataclass(frozen=True)
class PictureState:
    """What an asset shows."""

    kind: str = "image"
    items: tuple[ThingState, ...] = ()
    lines: tuple[TextState, ...] = ()
    size: Size | None = None
    origin: int | None = None
    """Number of the input picture that it comes from."""
    turned: int = 0
    """Degrees clockwise from upright, after it was mirrored, where it is."""
    mirrored: bool = False
    turn: int = 0
    """Degrees clockwise from the input, likewise."""
    mirror: bool = False
    scale: int = 1
    """How many times as large as the input."""
    cut: float | None = None
    """Share of the input's area that is left, where it was cropped; 0: unknown."""
    drawn: bool = False
    setting: str | None = None
    restyled: bool = False
    """Everything in it looks different: a style, another place, another light."""
    toned: bool = False
    """Its colours are not what they were."""

    @property
    def upright(self) -> bool:
        """Neither turned nor mirrored, so that what is drawn or written in it is seen as it is."""
        return self.turned == 0 and not self.mirrored

    def item(self, key: str) -> ThingState | None:
        """The thing known by `key`, where it is in the picture."""
        return next((item for item in self.items if item.key == key), None)

    def line(self, key: str) -> TextState | None:
        """The text known by `key`, where it is in the picture."""
        return next((line for line in self.lines if line.key == key), None)

    def with_item(self, item: ThingState) -> PictureState:
        """The same with a thing changed."""
        return replace(self, items=tuple(item if other.key == item.key else other for other in self.items))

    def with_line(self, line: TextState) -> PictureState:
        """The same with a text changed."""
        return replace(self, lines=tuple(line if other.key == line.key else other for other in self.lines))

    def adding(self, item: ThingState) -> PictureState:
        """The same with one more thing."""
        return replace(self, items=(*self.items, item))

    def without(self, key: str) -> PictureState:
        """The same without a thing, and without what is written on it."""
        return replace(
            self,
            items=tuple(item for item in self.items if item.key != key),
            lines=tuple(line for line in self.lines if line.bearer != key),
        )


def view_of(picture: Picture, number: int) -> PictureState:
    """What an input picture shows."""
    contents, name = picture.contents, f"img_{number}"
    items = tuple(
        ThingState(f"{name}:{index}", thing.name, thing.phrase, thing.box, thing.color, thing.count == 1)
        for index, thing in enumerate(contents.things)
    )
    lines = tuple(
        TextState(f"{name}/{index}", text.words, text.box, bearer_of(text.box, items))
        for index, text in enumerate(contents.texts)
    )
    return PictureState(
        items=items, lines=lines, size=picture.size, origin=number, turned=contents.turned % 360,
        mirrored=contents.mirrored, drawn=contents.drawn, setting=contents.setting,
    )  # fmt: skip


def bearer_of(box: Box, items: Iterable[ThingState]) -> str | None:
    """The thing that a text stands on: the smallest whose box holds it."""
    holding = [item for item in items if item.box is not None and shared(box, item.box) > 0.85]
    return min(holding, key=lambda item: area(item.box or box)).key if holding else None


def area(box: Box) -> float:
    """Area in units of the grid."""
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def shared(box: Box, other: Box) -> float:
    """Share of a box that lies in another one."""
    left, top, right, bottom = (
        max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3]),
    )  # fmt: skip
    return max(right - left, 0) * max(bottom - top, 0) / max(area(box), 1.0)


def flipped(view: PictureState) -> PictureState:
    """The view mirrored left to right."""
    return replace(
        _moved(view, lambda box: (1000 - box[2], box[1], 1000 - box[0], box[3])),
        mirrored=not view.mirrored, turned=-view.turned % 360, mirror=not view.mirror, turn=-view.turn % 360,
    )  # fmt: skip


def rotated(view: PictureState, angle: int) -> PictureState:
    """The view turned clockwise; of other than quarter turns no box is known any more."""
    angle %= 360
    turned = {
        0: lambda box: box,
        90: lambda box: (1000 - box[3], box[0], 1000 - box[1], box[2]),
        180: lambda box: (1000 - box[2], 1000 - box[3], 1000 - box[0], 1000 - box[1]),
        270: lambda box: (box[1], 1000 - box[2], box[3], 1000 - box[0]),
    }.get(angle, lambda box: None)
    size = view.size[::-1] if view.size is not None and angle in (90, 270) else view.size
    return replace(
        _moved(view, turned),
        turned=(view.turned + angle) % 360, turn=(view.turn + angle) % 360, size=size if angle % 90 == 0 else None,
    )  # fmt: skip


def enlarged(view: PictureState, times: int) -> PictureState:
    """The view so many times as large."""
    size = (view.size[0] * times, view.size[1] * times) if view.size is not None else None
    return replace(view, scale=view.scale * times, size=size)


def cropped(view: PictureState, box: Box | None, keep: str | None) -> PictureState:
    """The part of a view inside `box`; where that is unknown, the thing `keep` and what is written on it."""
    if box is None:
        kept = tuple(replace(item, box=None) for item in view.items if item.key == keep)
        lines = tuple(replace(line, box=None) for line in view.lines if keep is not None and line.bearer == keep)
        return replace(view, items=kept, lines=lines, size=None, cut=0.0)

    def inside(other: Box | None) -> Box | None:
        if other is None or shared(other, box) < 0.85:
            return None
        wide, tall = max(box[2] - box[0], 1), max(box[3] - box[1], 1)
        spans = [(edge - box[axis % 2]) * 1000 / (wide, tall)[axis % 2] for axis, edge in enumerate(other)]
        left, top, right, bottom = (min(max(round(span), 0), 1000) for span in spans)
        return left, top, right, bottom

    items = tuple(replace(item, box=new) for item in view.items if (new := inside(item.box)) is not None)
    lines = tuple(replace(line, box=new) for line in view.lines if (new := inside(line.box)) is not None)
    size = view.size
    if size is not None:
        size = max(size[0] * (box[2] - box[0]) // 1000, 1), max(size[1] * (box[3] - box[1]) // 1000, 1)
    share = (view.cut if view.cut is not None else 1.0) * area(box) / 1e6
    return replace(view, items=items, lines=lines, size=size, cut=share)


def _moved(view: PictureState, how: object) -> PictureState:
    assert callable(how)

    def new(box: Box | None) -> Box | None:
        return None if box is None else how(box)

    items = tuple(replace(item, box=new(item.box), place=None) for item in view.items)
    return replace(view, items=items, lines=tuple(replace(line, box=new(line.box)) for line in view.lines))
