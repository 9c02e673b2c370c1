"""Edits of drawn pictures: verified by recognition, by pixels outside, and against scenes drawn from words."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw

from canvasagent.backends.lite.drawn_things import ground_drawn
from canvasagent.backends.lite.edits import all_edits, understands
from canvasagent.backends.lite.edits._phrases import read_new, read_target
from canvasagent.backends.lite.edits._things import find
from canvasagent.backends.lite.edits.resize import factor_of
from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.draw import draw
from canvasagent.sketch.grammar import parse
from canvasagent.sketch.layout import lay_out
from canvasagent.sketch.reading import Drawing, read_drawing
from canvasagent.sketch.recognise import Thing, recognise
from canvasagent.sketch.repaint import paint
from canvasagent.sketch.setting import find_setting
from canvasagent.sketch.sprite import all_sprites

SIZE = (400, 400)
SCENE = "a dog, a cat, a red car, a tree and a house in a park"
REVISED = {name: edit for name, edit in all_edits().items() if edit.revise is not None}


@cache
def _drawn(prompt: str, seed: int = 1, size: tuple[int, int] = SIZE) -> Image.Image:
    return draw(prompt, size, seed)


def _edit(prompt: str, image: Image.Image, mask: Image.Image | None = None, seed: int = 1) -> Image.Image:
    return Backend(Config())(image=image, prompt=prompt, mask=mask, seed=seed)


def _named(picture: Image.Image, name: str) -> list[Thing]:
    return [thing for thing in recognise(picture).things if thing.name == name]


def _one(picture: Image.Image, name: str) -> Thing:
    found = _named(picture, name)
    assert len(found) == 1, [thing.name for thing in recognise(picture).things]
    return found[0]


def _differs(one: Image.Image, other: Image.Image) -> np.ndarray:
    return (np.asarray(one.convert("RGB")) != np.asarray(other.convert("RGB"))).any(axis=2)


def _outside(shape: tuple[int, ...], *things: Thing) -> np.ndarray:
    """Pixels away from some things and their shadows."""
    mask = np.ones(shape[:2], bool)
    for thing in things:
        left, top, right, bottom = (round(edge) for edge in thing.box)
        reach = 6 + round(0.1 * (right - left))
        mask[max(top - 8, 0) : bottom + reach, max(left - reach, 0) : right + reach] = False
    return mask


def _read(picture: Image.Image) -> Drawing:
    drawing = read_drawing(picture)
    assert drawing is not None
    return drawing


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "names"), [("all the fruit", {"apple"}), ("the pet", {"cat"}), ("all food", {"apple", "pizza"})]
)
def test_a_kind_of_things_means_the_same_to_grounding_and_to_edits(phrase: str, names: set[str]) -> None:
    picture = _drawn("two apples, a pizza and a cat in the field")
    drawing, named = _read(picture), find(_read(picture), phrase)
    assert named is not None and {drawing.items[index].name for index in named.indices} == names
    assert {detection.label for detection in ground_drawn(picture, phrase)} == names


READ = [
    "two dogs, a red car and a tree on a street",
    "three apples and a rabbit in a forest at night",
    "a house and a dog on a beach in the rain",
    "a blue car in front of a house in a city, paper cut-out",
    "a cow and a man on a field, outline style",
    "a cat under a table in a room",
    "two dogs and a bird",
]


@pytest.mark.parametrize("prompt", READ)
def test_things_are_read_to_the_pixel(prompt: str) -> None:
    scene = parse(prompt)
    background = all_backgrounds()[scene.background] if scene.background else None
    placed = lay_out(scene, all_sprites(), background, (512, 512), 4)
    drawing = _read(_drawn(prompt, 4, (512, 512)))
    boxes = {(item.sprite.info.name, round(item.left), round(item.top)) for item in placed}
    read = [(item.name, *item.box[:2]) for item in drawing.items]
    near = [any(name == n and abs(x - a) <= 1 and abs(y - b) <= 1 for n, a, b in boxes) for name, x, y in read]
    assert all(near) and len(read) == len(placed)
    assert (drawing.setting.background, drawing.setting.light) == (scene.background, scene.light)
    assert (drawing.setting.weather, drawing.setting.look) == (scene.weather, scene.look)
    if scene.weather is None and scene.look != "paper":
        away = np.abs(paint(drawing).astype(int) - drawing.pixels).max(axis=2)
        assert (away > 8).mean() < 0.01


@pytest.mark.parametrize("name", sorted(all_backgrounds()))
def test_every_place_is_known_again_in_every_palette_and_mirrored(name: str) -> None:
    background = all_backgrounds()[name]
    for palette in range(len(background.info.palettes)):
        setting = find_setting(np.asarray(background.picture((240, 180), palette, mirrored=palette == 1)))
        assert setting is not None
        assert (setting.background, setting.palette, setting.light) == (name, palette, "day")


def test_other_pictures_are_not_read() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    assert read_drawing(Image.fromarray(noise)) is None
    assert read_drawing(Image.new("RGB", (8, 8))) is None


# --- every edit -----------------------------------------------------------------------------------------------------

SCENES = {
    "make it day": f"{SCENE} at night",
    "add a second cat next to the dog": "a dog and a tree in a park",
    "replace the cat with a rabbit": SCENE,
}
"""Pictures for examples that the usual scene has nothing for."""
EXAMPLES = [
    (name, prompt)
    for name, edit in REVISED.items()
    for prompt in edit.examples
    if not any(word in prompt for word in ("circle", "brick", "vintage", "cinematic"))
]


@pytest.mark.parametrize(("name", "prompt"), EXAMPLES)
def test_examples_change_a_drawing_purely_and_alike_every_time(name: str, prompt: str) -> None:
    scene = f"{SCENE} at night" if name == "daytime" else SCENES.get(prompt, SCENE)
    before = _drawn(scene)
    untouched = before.tobytes()
    plan = understands(prompt)
    assert [step.edit for step in plan.steps] == [name]
    after = _edit(prompt, before)
    assert before.tobytes() == untouched
    assert after.size == before.size and after.mode == "RGB"
    assert after.tobytes() == _edit(prompt, before).tobytes()
    assert _differs(before, after).any()


# --- things ---------------------------------------------------------------------------------------------------------

REMOVALS = [
    ("a dog, a cat and a tree in a park", "dog", "remove the dog"),
    ("a dog behind a car in a city at night", "car", "take the car away"),
    ("a house and a dog on a beach in the rain", "house", "erase the house from the picture"),
    ("a dog and a cat in the snow, paper cut-out", "cat", "get rid of the cat"),
    ("a lion and a tree in the desert, outline style", "lion", "delete the lion"),
    ("a dog and a house on a street in the fog", "house", "remove the house"),
    ("a dog and a cat", "cat", "remove the cat"),
]


@pytest.mark.parametrize(("scene", "name", "prompt"), REMOVALS)
def test_removal_restores_what_was_behind_and_leaves_the_rest(scene: str, name: str, prompt: str) -> None:
    before = _drawn(scene, 3)
    thing = _one(before, name)
    after = _edit(prompt, before)
    assert _named(after, name) == []
    assert not _differs(before, after)[_outside((400, 400), thing)].any()
    others = sorted(other.name for other in recognise(before).things if other.name != name)
    assert sorted(other.name for other in recognise(after).things) == others


def test_removal_gives_the_empty_place_exactly() -> None:
    for prompt in ("a dog on a beach", "a dog on a field at night", "a dog in a kitchen"):
        before = _drawn(prompt, 5)
        after = np.asarray(_edit("remove the dog", before))
        setting = find_setting(np.asarray(before))
        assert setting is not None
        assert (after == np.asarray(setting.through_air(setting.picture(SIZE)))).all()


def test_all_of_a_kind_go_and_one_of_several_by_its_place() -> None:
    before = _drawn("three trees and a rabbit on a field", 2)
    assert _named(_edit("remove all the trees", before), "tree") == []
    left = min(_named(before, "tree"), key=lambda thing: thing.box[0])
    after = _named(_edit("remove the leftmost tree", before), "tree")
    assert len(after) == 2 and all(thing.box[0] > left.box[0] + 5 for thing in after)
    with pytest.raises(ToolRefusal, match="could be any of 3"):
        _edit("remove the tree", before)
    with pytest.raises(ToolRefusal, match="'the lion' is not in the picture"):
        _edit("remove the lion", before)


@pytest.mark.parametrize(
    ("prompt", "name", "low", "high"),
    [
        ("add a ball on the left", "ball", (0.0, 0.3), (0.4, 1.0)),
        ("add a small bird in the sky", "bird", (0.0, 0.0), (1.0, 0.5)),
        ("add a moon in the top right corner", "moon", (0.6, 0.0), (1.0, 0.4)),
        ("put a rabbit next to the tree", "rabbit", (0.0, 0.3), (1.0, 1.0)),
    ],
)
def test_what_is_added_is_there_and_all_else_stays(
    prompt: str, name: str, low: tuple[float, float], high: tuple[float, float]
) -> None:
    before = _drawn("a dog and a tree in the desert", 2)
    after = _edit(prompt, before)
    thing = _one(after, name)
    x, y = (thing.box[0] + thing.box[2]) / 800, (thing.box[1] + thing.box[3]) / 800
    assert low[0] <= x <= high[0] or (low[0] == 0.0 and x <= high[0])
    assert low[1] <= y <= high[1]
    assert not _differs(before, after)[_outside((400, 400), thing)].any()
    assert len(recognise(after).things) == len(recognise(before).things) + 1


def test_what_is_added_to_a_thing_is_beside_it_and_what_is_removed_again_leaves_no_trace() -> None:
    before = _drawn("a table and a man in a room", 2)
    after = _edit("put a hat on the table", before)
    hat, table = _one(after, "hat"), _one(after, "table")
    assert table.box[0] < (hat.box[0] + hat.box[2]) / 2 < table.box[2]
    assert abs(hat.box[3] - table.box[1]) < 0.2 * (table.box[3] - table.box[1])
    assert np.mean(_differs(_edit("remove the hat", after), before)) < 0.002


def test_a_mask_bounds_what_is_added_and_names_what_is_removed() -> None:
    before = _drawn("a dog and a tree in a park", 2)
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).rectangle([20, 20, 150, 150], fill=255)
    inside = np.asarray(mask) > 0
    after = _edit("add a balloon", before, mask)
    assert not _differs(before, after)[~inside].any()
    assert _one(after, "balloon").box[2] < 160
    dog = _one(before, "dog")
    around = Image.new("L", SIZE)
    ImageDraw.Draw(around).rectangle([dog.box[0] - 12, dog.box[1] - 12, dog.box[2] + 25, dog.box[3] + 20], fill=255)
    assert _named(_edit("remove it", before, around), "dog") == []


def test_replacing_keeps_the_place() -> None:
    before = _drawn("a cat on a table in a kitchen", 2)
    cat = _one(before, "cat")
    after = _edit("replace the cat with a rabbit", before)
    rabbit = _one(after, "rabbit")
    assert _named(after, "cat") == []
    assert abs(rabbit.box[3] - cat.box[3]) < 4
    assert abs(sum(rabbit.box[::2]) - sum(cat.box[::2])) < 8


@pytest.mark.parametrize(("color", "expected"), [("blue", "#2f6fd0"), ("yellow", "#f5cf2e"), ("black", "#26282c")])
@pytest.mark.parametrize("light", ["", " at sunset", " at night"])
def test_recolouring_draws_the_colour(color: str, expected: str, light: str) -> None:
    before = _drawn(f"a red car and a dog on a street{light}", 2)
    after = _edit(f"make the car {color}", before)
    item = next(item for item in _read(after).items if item.name == "car")
    assert item.placement.color == expected
    assert not _differs(before, after)[_outside((400, 400), _one(before, "car"))].any()


@pytest.mark.parametrize(
    ("prompt", "factor"),
    [("make the dog twice as large", 2.0), ("make the dog half as big", 0.5), ("make the dog 30% smaller", 0.7)],
)
def test_resizing_keeps_the_feet(prompt: str, factor: float) -> None:
    before = _drawn("a dog and a tree in a park", 2, (512, 512))
    old, new = _one(before, "dog").box, _one(_edit(prompt, before), "dog").box
    assert abs((new[3] - new[1]) / (old[3] - old[1]) - factor) < 0.06
    assert abs(new[3] - old[3]) < 3
    assert factor_of("smaller", 0.5, -1) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("prompt", "x", "y"),
    [("move the ball to the right", (0.65, 1), (0, 1)), ("move the ball to the top left", (0, 0.35), (0, 0.35))],
)
def test_moving(prompt: str, x: tuple[float, float], y: tuple[float, float]) -> None:
    before = _drawn("a ball in the middle of a beach", 2)
    old, new = _one(before, "ball"), _one(_edit(prompt, before), "ball")
    across, down = (new.box[0] + new.box[2]) / 800, (new.box[1] + new.box[3]) / 800
    assert x[0] <= across <= x[1] and y[0] <= down <= y[1]
    assert abs((new.box[2] - new.box[0]) - (old.box[2] - old.box[0])) < 4


def test_what_stands_on_a_thing_moves_along() -> None:
    before = _drawn("a cat on a table in a room", 2)
    after = _edit("move the table a bit to the left", before)
    shift = [_one(after, name).box[0] - _one(before, name).box[0] for name in ("cat", "table")]
    assert shift[0] < -5 and abs(shift[0] - shift[1]) < 3


def test_turning() -> None:
    before = _drawn("a dog and a cat on a street", 2)
    after = _edit("flip the dog", before)
    assert _one(after, "dog").mirrored != _one(before, "dog").mirrored
    assert _edit("flip the dog", after).tobytes() == before.tobytes()


# --- the whole picture ----------------------------------------------------------------------------------------------


def test_another_place_has_the_same_things_on_its_ground() -> None:
    before = _drawn("a man and a dog on a street in the rain", 2)
    after = _edit("put it on a beach", before)
    old, new = _read(before), _read(after)
    assert (new.setting.background, new.setting.weather) == ("beach", "rain")
    assert sorted(item.name for item in new.items) == sorted(item.name for item in old.items)
    low, high = all_backgrounds()["beach"].zone("ground", SIZE) or (0, 0)
    for item in new.items:
        assert low - 0.05 <= item.placement.bottom / 400 <= high + 0.05
    red = _read(_edit("make the background red", before))
    assert (red.setting.background, red.setting.ground) == (None, "#d63a34")


@pytest.mark.parametrize(
    ("scene", "prompt", "as_drawn"),
    [
        ("a car and a house in a city", "make it night", "a car and a house in a city at night"),
        ("a car and a house in a city", "at sunset", "a car and a house in a city at sunset"),
        ("a dog on a field at night", "make it day", "a dog on a field"),
        ("a dog on a field", "make it foggy", "a dog on a field in the fog"),
        ("a dog on a field in the rain", "stop the rain", "a dog on a field"),
        ("a lion in the desert", "in outline style", "a lion in the desert, outline style"),
    ],
)
def test_light_weather_and_look_are_as_if_drawn_so(scene: str, prompt: str, as_drawn: str) -> None:
    after, expected = _edit(prompt, _drawn(scene, 6)), _drawn(as_drawn, 6)
    away = np.abs(np.asarray(after).astype(int) - np.asarray(expected)).max(axis=2)
    assert (away > 8).mean() < 0.01


@pytest.mark.parametrize("prompt", ["make it rain", "add snow"])
def test_weather_falls_and_can_be_taken_away_again(prompt: str) -> None:
    before = _drawn("a dog and a tree in the mountains", 6)
    after = _edit(prompt, before)
    name = "rain" if "rain" in prompt else "snow"
    assert _read(after).setting.weather == name
    back = _edit(f"remove the {name}", after)
    assert (np.abs(np.asarray(back).astype(int) - np.asarray(before)).max(axis=2) > 8).mean() < 0.02


def test_words_across_the_picture_and_on_signs_stay() -> None:
    before = _drawn("a sign that says 'OPEN' in a park with a caption 'hello'", 2)
    after = np.asarray(_edit("make it night", before))
    band = slice(350, 382), slice(60, 340)
    assert (after[band] == np.asarray(before)[band]).all()
    moved = _edit("move the sign a bit to the right", before)
    sign = next(item for item in _read(moved).items if item.name == "sign")
    assert sign.label is not None


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scene", "prompt", "words"),
    [
        ("a dog in a kitchen", "make it rain", "no rain in a kitchen"),
        ("a dog in a park", "make it day", "day in the picture already"),
        ("a dog in a park", "remove the snow", "no snow"),
        ("a dog in a park", "turn the dog into a sphinx", "'sphinx'"),
        ("a dog in a park", "add a unicorn next to the dog", "'unicorn'"),
        ("a dog in a park", "add a ball next to the house", "'the house' is not in the picture"),
        ("a dog in a park", "add a ball on the beach", "no beach"),
        ("a dog in a park", "add 60 trees", "too many"),
        ("a dog in a park", "make the dog bluish and dance", "dance"),
    ],
)
def test_what_cannot_be_is_refused_in_words(scene: str, prompt: str, words: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        _edit(prompt, _drawn(scene, 2))
    assert words in str(refusal.value)


def test_prohibitions_spare_drawn_things() -> None:
    before = _drawn("a dog and a cat in a park", 2)
    after = _edit("make it night, but don't change the dog", before)
    shown = np.asarray(_one(before, "dog").mask) > 0
    assert _differs(before, after).mean() > 0.8
    assert _differs(before, after)[shown].mean() < 0.05


@pytest.mark.parametrize(
    ("phrase", "count"),
    [
        ("the dog", 1),
        ("all the trees", 2),
        ("the second tree from the left", 1),
        ("the animals", 2),
        ("the red car", 1),
        ("the blue car", 0),
        ("everything", 5),
    ],
)
def test_phrases_name_things(phrase: str, count: int) -> None:
    drawing = _read(_drawn("a dog, a cat, a red car and two trees in a park", 7, (640, 480)))
    named = find(drawing, phrase)
    assert named is not None and len(named.indices) == count


def test_phrases_of_what_is_new_and_where_to() -> None:
    assert read_new("the dog") is None
    assert read_new("a sunset") is None
    new = read_new("a second red ball next to the left dog")
    assert new is not None and (new.relation, new.hosts) == ("next", ("the left dog",))
    between = read_new("a cat between the dog and the tree")
    assert between is not None and between.hosts == ("the dog", "the tree")
    assert read_target("to the upper left corner") == read_target("into the top left")
    assert read_target("to the moon landing") is None
    target = read_target("a bit to the left")
    assert target is not None and target.nudge == (-0.08, 0)
