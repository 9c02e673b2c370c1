"""The drawn world: every sprite, background, relation, spot, look, light and weather; and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from canvasagent.english.colors import drawn_colors
from canvasagent.errors import InputError, ToolRefusal
from canvasagent.sketch.background import WIDTH, all_backgrounds, load_background, view
from canvasagent.sketch.draw import draw
from canvasagent.sketch.grammar import UnknownWords, parse
from canvasagent.sketch.layout import lay_out
from canvasagent.sketch.lettering import fit
from canvasagent.sketch.lexicon import data
from canvasagent.sketch.placement import Placement
from canvasagent.sketch.render import render
from canvasagent.sketch.scene import Group, Light, Look, Relation, RelationKind, Scene, Spot, Weather
from canvasagent.sketch.sprite import all_sprites, load_sprite, shades

SPRITES, BACKGROUNDS = all_sprites(), all_backgrounds()
SIZES = [(512, 512), (640, 360), (300, 500)]


def boxes(scene: Scene, seed: int = 0, size: tuple[int, int] = (512, 512)) -> list[Placement]:
    background = BACKGROUNDS[scene.background] if scene.background else None
    return lay_out(scene, SPRITES, background, size, seed)


# ── sprites and backgrounds ──────────────────────────────────────────────────────────────────────────────


def test_there_are_enough() -> None:
    assert len(SPRITES) >= 100
    assert len(BACKGROUNDS) >= 15


@pytest.mark.parametrize("name", SPRITES)
def test_sprite_fills_its_box_and_takes_colours(name: str) -> None:
    sprite = SPRITES[name]
    picture = sprite.picture(300)
    assert picture.mode == "RGBA" and picture.height == 300
    left, top, right, bottom = picture.getchannel("A").point(lambda value: 255 * (value > 40)).getbbox() or (0,) * 4
    slack = 0.03 * max(picture.size)
    assert left <= slack and top <= slack
    assert right >= picture.width - slack and bottom >= picture.height - slack
    for color in ("#d63a34", "#26282c", "#f6f6f4"):
        assert "{" not in sprite.markup(color)
    solid = np.asarray(picture)[..., 3] > 200
    assert solid.mean() > 0.1
    red, blue = (np.asarray(sprite.picture(120, color).convert("RGB")).astype(int) for color in ("#ff0000", "#0000ff"))
    assert (np.abs(red - blue).max(axis=2) > 60).mean() > 0.02, "its main colour shows nowhere"


@pytest.mark.parametrize("name", BACKGROUNDS)
@pytest.mark.parametrize("size", SIZES)
def test_background_covers_any_shape_and_keeps_its_zones_inside(name: str, size: tuple[int, int]) -> None:
    background = BACKGROUNDS[name]
    for palette in range(len(background.info.palettes)):
        assert "{" not in background.markup(palette).split("<metadata>")[0]
        picture = background.picture(size, palette)
        assert picture.mode == "RGB" and picture.size == size
        assert len(picture.resize((32, 32)).getcolors(1024) or []) > 3
    for place in background.info.zones:
        low, high = background.zone(place, size) or (0, 0)
        assert 0 < low <= high < 1


def test_a_background_shows_its_middle_and_its_bottom() -> None:
    assert view((1600, 1000)) == (0, 0, WIDTH, 1000)
    left, top, width, height = view((500, 500))
    assert (left, top, width, height) == (300, 0, 1000, 1000)
    assert view((1600, 500)) == (0, 500, 1600, 500)


def test_shades_are_darker_and_lighter() -> None:
    for color in ((214, 58, 52), (245, 245, 245), (20, 20, 22)):
        tones = {name: sum(int(value[i : i + 2], 16) for i in (1, 3, 5)) for name, value in shades(color).items()}
        assert tones["main-light"] > tones["main"] != tones["main-dark"]


# ── scenes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", get_args(RelationKind))
def test_relations_hold(kind: RelationKind) -> None:
    others = (0, 1) if kind == "between" else (0,)
    first = Group(sprite="table" if kind in ("on", "under") else "house")
    groups = (first, *([Group(sprite="tree")] if kind == "between" else []))
    scene = Scene(groups=(*groups, Group(sprite="cat", relations=(Relation(kind=kind, others=others),))))
    for seed in range(6):
        placed = {item.group: item for item in boxes(scene, seed, (640, 480))}
        cat, other = placed[len(groups)], placed[0]
        middle = cat.center[0]
        holds = {
            "left": middle < other.left,
            "right": middle > other.right,
            "on": other.left < middle < other.right and cat.bottom < other.top + 0.2 * other.height,
            "under": other.left < middle < other.right and cat.bottom >= other.bottom - 2,
            "front": cat.depth > other.depth,
            "behind": cat.depth < other.depth,
            "between": kind != "between"
            or min(other.center[0], placed[1].center[0]) < middle < max(other.center[0], placed[1].center[0]),
            "next": max(cat.left - other.right, other.left - cat.right) < 0.1 * 640,
            "above": cat.bottom < other.top + 0.2 * other.height,
        }
        assert holds[kind], (kind, seed, cat, other)


def test_under_what_hangs_is_below_it() -> None:
    scene = parse("a blue clock under a pink clock in the room")
    for seed in range(4):
        lower, upper = sorted(boxes(scene, seed), key=lambda item: -item.top)
        assert lower.group == 0 and lower.top > upper.top + 0.6 * upper.height


@pytest.mark.parametrize("spot", get_args(Spot))
def test_spots_hold(spot: Spot) -> None:
    scene = Scene(groups=(Group(sprite="ball", count=3 if spot == "row" else 1, spot=spot),))
    placed = boxes(scene, 3)
    x, y = placed[0].center
    if spot == "row":
        assert len({round(item.bottom) for item in placed}) == 1
        return
    assert ("left" not in spot or x < 200) and ("right" not in spot or x > 312)
    assert ("top" not in spot or y < 200) and ("bottom" not in spot or y > 312)
    assert spot != "middle" or 180 < x < 332


@pytest.mark.parametrize("seed", range(8))
def test_everything_stays_inside_and_apart(seed: int) -> None:
    scene = parse("two dogs, a cat, three apples, a car and a tree in the field")
    placed = boxes(scene, seed)
    assert len(placed) == 8
    for item in placed:
        assert item.left >= 0 and item.top >= 0 and item.right <= 512 and item.bottom <= 512
    covered = sum(
        max(0, min(a.right, b.right) - max(a.left, b.left)) * max(0, min(a.bottom, b.bottom) - max(a.top, b.top))
        for index, a in enumerate(placed)
        for b in placed[:index]
    )
    assert covered < 0.25 * sum(item.width * item.height for item in placed)


@pytest.mark.parametrize(
    ("one", "relation", "other"),
    [
        ("truck", "left of", "teddy bear"), ("bus", "left of", "key"), ("truck", "right of", "bicycle"),
        ("barn", "right of", "cow"), ("train", "next to", "flower"), ("table", "next to", "cat"),
    ],
)  # fmt: skip
def test_a_thing_beside_another_does_not_hide_it(one: str, relation: str, other: str) -> None:
    for seed in range(5):
        far, near = boxes(parse(f"a {one} {relation} a {other}"), seed)
        across = min(far.right, near.right) - max(far.left, near.left)
        down = min(far.bottom, near.bottom) - max(far.top, near.top)
        assert max(across, 0) * max(down, 0) <= 0.35 * far.width * far.height, seed


@pytest.mark.parametrize(
    "prompt",
    [
        "a shop with a sign that says 'OPEN'",
        "a sign that says 'SALE' next to a car on a street",
        "a sign that says 'STOP' behind a car",
        "a dog in front of a sign that says 'NO DOGS'",
        "a shop that says 'BAKERY' next to a tree, a dog and a bicycle on a street",
    ],
)
def test_no_thing_hides_the_words_of_another(prompt: str) -> None:
    scene = parse(prompt)
    background = BACKGROUNDS[scene.background] if scene.background else None
    for seed in range(4):
        placed = boxes(scene, seed)
        sign = next(item for item in placed if item.words)
        whole, alone = (
            np.asarray(render(scene, some, background, (512, 512), seed), np.int16) for some in (placed, [sign])
        )
        left, top, width, height = sign.sprite.info.text_box or (0, 0, 0, 0)
        across, down = sign.width / sign.sprite.width, sign.height / sign.sprite.height
        left = sign.sprite.width - left - width if sign.mirrored else left
        rows = slice(round(sign.top + top * down), round(sign.top + (top + height) * down))
        columns = slice(round(sign.left + left * across), round(sign.left + (left + width) * across))
        ink = alone[rows, columns].max(axis=2) < 110
        assert ink.sum() > 50
        assert (np.abs(whole - alone)[rows, columns].max(axis=2)[ink] < 40).mean() > 0.97, seed


@pytest.mark.parametrize(
    "prompt",
    [f"a dog in the field, {look}" for look in ("outline style", "paper cut-out", "flat style")]
    + [f"a dog in the field {words}" for words in ("at night", "at dusk", "in the rain", "snowing", "in the fog")],
)
def test_looks_light_and_weather_change_the_picture_and_only_them(prompt: str) -> None:
    plain, changed = draw("a dog in the field", (256, 256), 5), draw(prompt, (256, 256), 5)
    difference = np.abs(np.asarray(plain, int) - np.asarray(changed, int)).mean()
    assert (difference == 0) == ("flat" in prompt)
    assert changed.size == (256, 256)


def test_every_look_light_and_weather_is_tried() -> None:
    values = set(data()["looks"].values()) | set(data()["light"].values())
    assert values == {*get_args(Look), *get_args(Light), *get_args(Weather)}


@pytest.mark.parametrize("size", [*SIZES, (128, 128), (1024, 256)])
def test_the_same_prompt_and_seed_give_the_same_bytes(size: tuple[int, int]) -> None:
    prompt = "a red car and two trees in the city at night in the rain with a banner 'HELLO'"
    first = draw(prompt, size, 11)
    assert first.size == size and first.tobytes() == draw(prompt, size, 11).tobytes()
    assert first.tobytes() != draw(prompt, size, 12).tobytes()


# ── the grammar ──────────────────────────────────────────────────────────────────────────────────────────

READ = {
    "a red car next to a tall tree on the street": [("car", 1, "next", "tree"), ("tree", 1, None, None)],
    "two cats on a table and a dog under it": [
        ("cat", 2, "on", "table"),
        ("table", 1, None, None),
        ("dog", 1, "under", "table"),
    ],
    "behind the house there is a tree": [("house", 1, None, None), ("tree", 1, "behind", "house")],
    "a ball between a dog and a cat": [("ball", 1, "between", "dog"), ("dog", 1, None, None), ("cat", 1, None, None)],
    "an orange cat and an orange": [("cat", 1, None, None), ("orange", 1, None, None)],
    "draw me a picture of 5 blue birds flying over a boat": [("bird", 5, "above", "boat"), ("boat", 1, None, None)],
    "no dogs, one cat": [("cat", 1, None, None)],
    "puppies and a mug": [("dog", 3, None, None), ("cup", 1, None, None)],
}


@pytest.mark.parametrize("prompt", READ)
def test_prompts_are_read(prompt: str) -> None:
    groups = parse(prompt).groups
    read = [
        (
            group.sprite,
            group.count,
            group.relations[0].kind if group.relations else None,
            groups[group.relations[0].others[0]].sprite if group.relations else None,
        )
        for group in groups
    ]
    assert read == READ[prompt]


def test_colours_sizes_places_words_and_light_are_read() -> None:
    scene = parse('a small white rabbit on the beach at night, captioned "Hop!", a huge sun on the left')
    assert scene.background == "beach" and scene.light == "night" and scene.caption == "Hop!"
    rabbit, sun = scene.groups
    assert rabbit.color == drawn_colors()["white"] and rabbit.scale < 1 < sun.scale and sun.spot == "left"
    assert parse("three red apples in a row on a blue background").ground == drawn_colors()["blue"]
    assert parse("on the left a man, on the right a woman").groups[1].spot == "right"
    assert parse("a sign that says 'OPEN' and a dog").groups[0].words == "OPEN"
    assert parse("a dog with a banner 'SALE'").banner == "SALE"
    assert parse("two birds in the sky").groups[0].place == "sky"


REFUSED = {
    "a griffin next to a dog": "griffin",
    "a girafe": "giraffe",
    "200 dogs": "200 things",
    "-3 dogs": "-3",
    "999999999999999999999 dogs": "things",
    "red": "describes nothing",
    "": "nothing to draw",
    "a man to the left of a woman, the woman to the left of the man": "cannot hold",
    "a dog that says 'WOOF'": "no board",
    "a beach in the forest": "two",
    "a dog between a cat": "not said",
    "a cat in the room in the rain": "no rain",
    "a dog with a hat wearing shoes": "wearing",
    "x" * 3000: "characters",
    f"a sign that says '{'very long words ' * 30}'": "too long",
}


@pytest.mark.parametrize("prompt", REFUSED)
def test_what_cannot_be_drawn_is_told(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match=REFUSED[prompt]):
        draw(prompt, (256, 256), 0)


def test_between_two_of_a_kind() -> None:
    placed = boxes(parse("a robot between two gifts"), 4)
    robot = next(item for item in placed if item.group == 0)
    first, second = sorted(item.center[0] for item in placed if item.group == 1)
    assert first < robot.center[0] < second


def test_unknown_words_are_all_named() -> None:
    with pytest.raises(UnknownWords) as told:
        parse("a griffin with a sporran in the field")
    assert told.value.words == ["griffin", "sporran"]


def test_markup_in_words_is_drawn_not_obeyed() -> None:
    picture = draw("a sign that says '<svg onload=x>&amp;'", (256, 256), 1)
    assert picture.size == (256, 256)


@settings(max_examples=60)
@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*READ, "red", "two", "on", "between", "the", "it"])).map(" ".join)
)
def test_any_prompt_is_drawn_or_refused(prompt: str) -> None:
    try:
        assert draw(prompt, (64, 64), 0).size == (64, 64)
    except ToolRefusal as refusal:
        assert str(refusal)


def test_words_are_fitted_in_lines() -> None:
    lines, font = fit("GRAND OPENING TODAY", 120, 90)
    assert len(lines) > 1 and all(font.getlength(line) <= 120 for line in lines)


# ── a user's own sprites ─────────────────────────────────────────────────────────────────────────────────

GOOD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><metadata>
name = "blob"
plural = "blobs"
category = "toy"
height = 1.0
stands = ["ground"]
color = "#aa3355"
</metadata><rect width="10" height="10" fill="{main}"/></svg>"""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("", ""), None),
        (("</svg>", ""), "can be read"),
        (("<svg ", "<html "), "can be read"),
        (('viewBox="0 0 10 10"', 'viewBox="0 0 0 10"'), "viewBox"),
        (("height = 1.0", "height = -1"), "height"),
        (("height = 1.0", "height = "), "blob.svg"),
        (('["ground"]', '["moon"]'), "stands"),
        (("<rect ", '<image href="file:///etc/passwd"/><rect '), "not allowed"),
        (("<rect ", "<script>alert(1)</script><rect "), "not allowed"),
        (("<metadata>", "<desc>"), "can be read"),
    ],
)
def test_a_malformed_sprite_is_told(tmp_path: Path, change: tuple[str, str], told: str | None) -> None:
    file = tmp_path / "blob.svg"
    file.write_text(GOOD.replace(*change) if change[0] else GOOD, "utf-8")
    if told is None:
        assert load_sprite(file).picture(20).getpixel((5, 5)) == (0xAA, 0x33, 0x55, 255)
        return
    with pytest.raises(InputError, match=told):
        load_sprite(file)


def test_a_malformed_background_is_told(tmp_path: Path) -> None:
    file = tmp_path / "void.svg"
    file.write_text("<svg/>", "utf-8")
    with pytest.raises(InputError, match=r"void\.svg"):
        load_background(file)


def test_pictures_are_not_shared() -> None:
    first = draw("a dog", (64, 64), 0)
    Image.Image.paste(first, (0, 0, 0), (0, 0, 64, 64))
    assert draw("a dog", (64, 64), 0).getpixel((2, 2)) != (0, 0, 0)
