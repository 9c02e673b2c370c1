"""Recognition of drawn things from pixels: every sprite, random scenes, photographs, phrases and masks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from canvasagent.backends.lite import grounding, sam
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.recognise import forget, looks_drawn, recognise
from canvasagent.sketch.render import render
from canvasagent.sketch.scene import Scene
from canvasagent.sketch.sprite import all_sprites

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from recognition import Tally, measure, overlap_of, scene

SEED = 9_000_000
FIND = grounding.Backend(grounding.Config())
CUT = sam.Backend(sam.Config())


def placed(name: str, left: int, top: int, height: int, color: str | None = None, mirrored: bool = False) -> Placement:
    sprite = all_sprites()[name]
    width = round(height * sprite.aspect)
    return Placement(0, sprite, sprite.info.stands[0], left, top, width, height, mirrored, color)


def picture(
    things: list[Placement], background: str | None = "beach", size: tuple[int, int] = (512, 512)
) -> Image.Image:
    ground = None if background else "#9fc2a4"
    place = all_backgrounds()[background] if background else None
    return render(Scene(background=background, ground=ground), things, place, size, 1)


@pytest.mark.parametrize("name", sorted(all_sprites()))
def test_each_sprite_alone_is_found_where_it_is(name: str) -> None:
    aspect = all_sprites()[name].aspect
    height = round(min(130, 440 / aspect))
    for background in ("beach", "room", None):
        thing = placed(name, round(256 - height * aspect / 2), 250, height)
        found = [item for item in recognise(picture([thing], background)).things if item.name == name]
        assert any(overlap_of(item.box, (thing.left, thing.top, thing.right, thing.bottom)) >= 0.8 for item in found)


@pytest.mark.parametrize(
    ("looks", "least", "false"),
    [
        ({}, 0.9, 1),
        ({"overlap": True}, 0.8, 2),
        ({"light": "night"}, 0.88, 1),
        ({"look": "paper"}, 0.85, 2),
        ({"weather": "fog"}, 0.88, 2),
    ],
)
def test_random_scenes(looks: dict[str, object], least: float, false: int) -> None:
    tally = Tally()
    for number in range(8):
        tally.add(measure(scene(SEED + number, **looks)))  # type: ignore[arg-type]
    assert tally.found >= least * tally.things, tally.missed
    assert tally.false <= false, tally.wrong


@pytest.mark.parametrize(
    "name", ["astronaut", "chelsea", "coffee", "camera", "rocket", "coins", "page", "brick", "text", "clock", "moon"]
)
def test_photographs_hold_no_drawn_things(name: str) -> None:
    photograph = Image.fromarray(getattr(data, name)()).convert("RGB")
    assert recognise(photograph).things == []


def test_a_photograph_is_told_from_a_drawing_without_looking_for_things() -> None:
    assert not looks_drawn(Image.fromarray(data.astronaut()))
    assert looks_drawn(picture([placed("dog", 100, 300, 120)]))
    assert recognise(Image.new("RGB", (20, 20))).things == []


def test_the_same_picture_gives_the_same_things() -> None:
    drawn = scene(SEED + 100, overlap=True).picture
    before = np.array(drawn)
    first = recognise(drawn).things
    forget()
    assert recognise(drawn.copy()).things == first
    assert (np.array(drawn) == before).all()


def test_what_is_told_of_a_thing() -> None:
    thing = recognise(picture([placed("dog", 100, 300, 120, "#2f6fd0", mirrored=True)])).things[0]
    assert thing.name == "dog" and thing.mirrored and 0.8 < thing.score <= 1
    channels = [int(thing.color[at : at + 2], 16) for at in (1, 3, 5)]
    assert max(abs(one - other) for one, other in zip(channels, (0x2F, 0x6F, 0xD0), strict=True)) <= 4


@pytest.mark.parametrize("size", [(256, 256), (800, 500), (1024, 1024)])
def test_other_sizes(size: tuple[int, int]) -> None:
    thing = placed("cow", size[0] // 4, size[1] // 2, size[1] // 3)
    (found,) = [item for item in recognise(picture([thing], size=size)).things if item.name == "cow"]
    assert overlap_of(found.box, (thing.left, thing.top, thing.right, thing.bottom)) > 0.9
    assert found.mask.size == size


THINGS = {
    "tall tree": placed("tree", 20, 120, 200),
    "middle tree": placed("tree", 230, 150, 170),
    "right tree": placed("tree", 375, 170, 140),
    "small dog": placed("dog", 60, 300, 80),
    "red dog": placed("dog", 220, 330, 120, "#d63a34"),
    "red cup": placed("cup", 440, 320, 50, "#d63a34"),
    "blue cup": placed("cup", 380, 400, 60, "#2f6fd0"),
    "fruit": placed("orange", 30, 420, 60),
    "sign": placed("sign", 390, 30, 110),
}


@pytest.fixture(scope="module")
def place() -> Image.Image:
    return picture(list(THINGS.values()))


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("the red cup", ["red cup"]),
        ("all trees", ["middle tree", "right tree", "tall tree"]),
        ("the largest dog", ["red dog"]),
        ("the smallest dog", ["small dog"]),
        ("the second tree from the left", ["middle tree"]),
        ("the third tree from the right", ["tall tree"]),
        ("the dog on the left", ["small dog"]),
        ("the leftmost cup", ["blue cup"]),
        ("animals", ["red dog", "small dog"]),
        ("the fruit", ["fruit"]),
        ("the orange", ["fruit"]),
        ("the red dog", ["red dog"]),
        ("puppies", ["red dog", "small dog"]),
        ("the dog next to the cup", ["red dog"]),
        ("cups and dogs", ["blue cup", "red cup", "red dog", "small dog"]),
        ("the cup between the dog and the red cup", ["blue cup"]),
        ("the dog standing under the second tree from the left", ["red dog"]),
        ("the sign", ["sign"]),
        ("the cat", []),
        ("the green dog", []),
        ("the fourth tree from the left", []),
    ],
)
def test_phrases(place: Image.Image, phrase: str, wanted: list[str]) -> None:
    found = FIND(image=place, phrase=phrase)
    boxes = {name: (item.left, item.top, item.right, item.bottom) for name, item in THINGS.items()}
    named = [max(boxes, key=lambda name: overlap_of(boxes[name], item.box)) for item in found]
    assert sorted(named) == wanted
    assert all(overlap_of(boxes[name], item.box) > 0.8 for name, item in zip(named, found, strict=True))


@pytest.mark.parametrize(("phrase", "word"), [("the unicorn", "unicorn"), ("the shiny dog", "shiny")])
def test_unknown_words_are_refused_by_name(place: Image.Image, phrase: str, word: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        FIND(image=place, phrase=phrase)
    assert f"'{word}'" in str(refusal.value) and "--profile full" in str(refusal.value)


def test_sam_masks_what_can_be_seen() -> None:
    shares = []
    for number in range(6):
        drawn = scene(SEED + 200 + number, overlap=True)
        for item, seen in zip(drawn.placements, drawn.visible, strict=True):
            if item.height < 40:
                continue
            mask = np.asarray(CUT(image=drawn.picture, box=(item.left, item.top, item.right, item.bottom))) > 127
            shares.append(float((mask & seen).sum() / (mask | seen).sum()))
    assert np.median(shares) > 0.95 and np.mean(np.array(shares) > 0.85) > 0.8, sorted(shares)
