"""`sketch`: drawn scenes and pages, composed at random, whose contents are known because they were put there.

Scenes are of the drawn world; pages are menus, posters, tickets. A picture may be turned by quarter turns, mirrored,
small or blurred where a plan needs it, and is not where it does not say. The things of a picture that is turned or
mirrored have phrases that hold when it is put right, without left and right in them. What a scene shows (its place,
things and words) belongs to one split by its hash, so that no two splits ever show the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any, Literal, get_args

from PIL import Image

from canvasagent.craft.drawings.pages import Page, compose_page, draw_page, page_signature
from canvasagent.craft.drawings.scenes import Composition, Wish, casts, compose, signature, sketch_scene
from canvasagent.craft.drawings.turning import Change, fits
from canvasagent.craft.pictures import Contents, Need, NoPicture, Picture, Split, Text, Thing
from canvasagent.craft.sources._phrases import Seen, phrases_for
from canvasagent.craft.sources._splits import split_of
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.render import render
from canvasagent.sketch.sprite import all_sprites

Kind = Literal["scene", "page"]

VERSION = 1
"""Part of every key: another version may draw other pictures."""
SIZES: tuple[Size, ...] = ((512, 384), (384, 512), (448, 448), (480, 384), (512, 512), (512, 320), (416, 512))
SMALL_SIZES: tuple[Size, ...] = ((320, 240), (240, 320), (288, 288), (320, 256), (256, 256))
MOST_THINGS, MOST_TEXTS = 6, 4
"""What a scene can hold; pages have up to six lines."""
TRIES = 400
"""Compositions that are tried for a need before it is given up."""


@dataclass(frozen=True)
class Recipe:
    """All that a picture follows from."""

    split: Split
    kind: Kind
    things: int
    texts: int
    small: bool
    steady: bool
    change: Change
    """What is done to it once it is drawn; small ones are drawn small."""
    seed: str

    @property
    def key(self) -> str:
        """The recipe as the key of its picture."""
        flags = ("s" if self.small else "") + ("f" if self.steady else "")
        what = f"{self.split}/{self.kind}/{self.things}/{self.texts}/{flags or '-'}"
        return f"{VERSION}/{what}/{self.change.code}/{self.seed}"

    @classmethod
    def of(cls, key: str) -> Recipe:
        """The recipe that a key holds. Raises `InputError` where it is none of this version."""
        try:
            version, part, sort, things, texts, flags, change, seed = key.split("/")
            split = next(name for name in get_args(Split) if name == part)
            kind = next(name for name in get_args(Kind) if name == sort)
            if int(version) != VERSION:
                raise ValueError
            small, steady = "s" in flags, "f" in flags
            return cls(split, kind, int(things), int(texts), small, steady, Change.of(change), seed)
        except (ValueError, StopIteration) as error:
            raise InputError(f"'{key}' is no key of the source sketch, version {VERSION}.") from error


@dataclass(frozen=True)
class _Made:
    """What a recipe came to, before it is drawn, and its contents."""

    composition: Composition | None
    page: Page | None
    size: Size
    contents: Contents


class Sketch:
    """The source; see the module's docstring. It has no state: everything follows from the key."""

    name = "sketch"

    def pick(self, need: Need, split: Split, key: str) -> Picture:
        """A picture that fits `need`. Raises `NoPicture` for what the drawn world cannot hold."""
        for attempt in range(TRIES):
            recipe = _recipe(need, split, f"{key}#{attempt}")
            made = _made(recipe)
            if made is not None and fits(made.contents, need):
                size, origin = recipe.change.size(made.size), _origin(made)
                return Picture(source=self.name, key=recipe.key, size=size, contents=made.contents, origin=origin)
        raise NoPicture(_why_not(need))

    def open(self, picture: Picture) -> Image.Image:
        """Draw it (RGB). Raises `InputError` for a key of another version."""
        recipe = Recipe.of(picture.key)
        made = _made(recipe)
        if made is None:
            raise InputError(f"'{picture.key}' describes no picture that can be drawn.")
        return recipe.change.apply(_drawn(made))


def create(argument: str | None) -> Sketch:
    """The source. Raises `InputError` for an argument: it has none."""
    if argument:
        raise InputError(f"the source sketch takes nothing after a colon, but there is '{argument}'.")
    return Sketch()


def _recipe(need: Need, split: Split, key: str) -> Recipe:
    """What is settled before anything is composed."""
    random = Random(f"sketch {VERSION}:{need.model_dump_json()}:{split}:{key}")
    pages = need.drawn is False or (need.drawn is None and not need.things and need.texts and random.random() < 0.6)
    change = replace(Change.needed(need, random), small=False)
    small = bool(need.small) or (need.small is None and not need.texts and need.things < 3 and random.random() < 0.05)
    steady = need.steady or bool(change.turned or change.mirrored)
    kind: Kind = "page" if pages else "scene"
    return Recipe(split, kind, need.things, need.texts, small, steady, change, f"{random.getrandbits(64):016x}")


@lru_cache(maxsize=64)
def _made(recipe: Recipe) -> _Made | None:
    """What a recipe comes to; None where it is of another split, or not everything could be seen or read."""
    random = Random(recipe.key)
    size = random.choice(SMALL_SIZES if recipe.small else SIZES)
    if recipe.kind == "page":
        page = None if recipe.things else compose_page(max(recipe.texts, 2), size, random)
        if page is None or split_of(page_signature(page)) != recipe.split:
            return None
        return _Made(None, page, size, _contents(recipe, size, [], draw_page(page)[1], None))
    if recipe.things > MOST_THINGS or recipe.texts > MOST_TEXTS:
        return None
    wish = Wish(recipe.things, recipe.texts, size, recipe.steady, plain=recipe.small or recipe.change.blurred)
    scene, colors = sketch_scene(wish, random)
    if split_of(signature(scene)) != recipe.split:
        return None
    composed = compose(scene, colors, size, random.getrandbits(31))
    if composed is None:
        return None
    things = _named(composed, size, recipe, random)
    if things is None:
        return None
    return _Made(composed, None, size, _contents(recipe, size, things, composed.lines, scene.background))


def _named(composed: Composition, size: Size, recipe: Recipe, random: Random) -> list[tuple[Thing, PixelBox]] | None:
    """Every thing with a phrase of its own; None where too few have one."""
    usual = casts()["usual"]
    seen: list[Seen] = []
    for item in composed.placements:
        name, color = item.sprite.info.name, composed.colors[item.group]
        box = (
            round(item.left),
            round(item.top),
            round(item.left) + round(item.width),
            round(item.top) + round(item.height),
        )
        main = item.color or item.sprite.info.color
        seen.append(Seen(name, color or usual.get(name), color is not None, main, box))
    phrases = phrases_for(seen, size[0], recipe.steady, random)
    things = []
    for thing, phrase in zip(seen, phrases, strict=True):
        if phrase is not None:
            count = sum(other.name == thing.name for other in seen)
            named = Thing(name=thing.name, phrase=phrase, box=(0, 0, 1, 1), color=thing.color, count=count)
            things.append((named, thing.box))
    return things if len(things) >= recipe.things else None


def _contents(
    recipe: Recipe,
    size: Size,
    things: list[tuple[Thing, PixelBox]],
    lines: Any,
    setting: str | None,
) -> Contents:
    """What the finished picture holds: boxes turned and mirrored along."""
    change = recipe.change
    texts = tuple(Text(words=words, box=change.box(box, size)) for words, box, _ in lines)
    return Contents(
        things=tuple(thing.model_copy(update={"box": change.box(box, size)}) for thing, box in things),
        texts=texts,
        setting=setting,
        drawn=recipe.kind == "scene",
        turned=change.turned,
        mirrored=change.mirrored,
        small=recipe.small,
        blurred=change.blurred,
    )


def _drawn(made: _Made) -> Image.Image:
    if made.page is not None:
        return draw_page(made.page)[0]
    composed = made.composition
    assert composed is not None
    scene = composed.scene
    background = all_backgrounds()[scene.background] if scene.background else None
    return render(scene, list(composed.placements), background, made.size, composed.seed)


def _origin(made: _Made) -> dict[str, Any]:
    """For data sheets: what was drawn."""
    if made.page is not None:
        return {"made_by": "drawn page", "kind": made.page.kind, "licence": "as the package"}
    assert made.composition is not None
    scene = made.composition.scene.model_dump(mode="json", exclude_defaults=True)
    return {"made_by": "drawn scene", "scene": scene, "licence": "as the package"}


def _why_not(need: Need) -> str:
    wanted = need.model_dump_json(exclude_defaults=True)
    advice = f"it draws up to {MOST_THINGS} things and {MOST_TEXTS} lines in one scene, pages of 2 to 6 lines"
    world = f"{len(all_sprites())} kinds of things"
    return f"the source sketch has no picture for {wanted}: {advice}, from {world}; ask for less or add a source."
