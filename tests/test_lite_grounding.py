"""The lite grounding: faces, text, coloured shapes, and an honest refusal of everything else."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from canvasagent.backends.base import Detection
from canvasagent.backends.lite.grounding import Backend, Config
from canvasagent.backends.lite.phrases import parse
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import PixelBox, Point

FIND = Backend(Config())
FONT = (files("canvasagent") / "imaging" / "fonts_data" / "DejaVuSans.ttf").read_bytes()


def iou(one: PixelBox, other: PixelBox) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (area - shared)


def star(x: float, y: float, radius: float) -> list[Point]:
    radii = [radius if point % 2 == 0 else 0.4 * radius for point in range(10)]
    return [(x + r * math.sin(i * math.pi / 5), y - r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)]


SHAPES: dict[str, PixelBox] = {
    "small red circle": (50, 50, 111, 111),
    "large red circle": (200, 40, 301, 141),
    "yellow circle": (400, 60, 441, 101),
    "blue square": (60, 180, 131, 251),
    "orange rectangle": (200, 200, 381, 251),
    "purple triangle": (450, 160, 551, 251),
    "yellow star": (502, 20, 579, 93),
}


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """A drawn scene: sky, meadow, seven shapes, and a line of text."""
    picture = Image.new("RGB", (600, 400), "skyblue")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 280, 600, 400), fill="green")
    pen.ellipse((50, 50, 110, 110), fill="red")
    pen.ellipse((200, 40, 300, 140), fill="red")
    pen.ellipse((400, 60, 440, 100), fill="yellow")
    pen.rectangle((60, 180, 130, 250), fill="blue")
    pen.rectangle((200, 200, 380, 250), fill="orange")
    pen.polygon([(450, 250), (550, 250), (500, 160)], fill="purple")
    pen.polygon(star(540, 60, 40), fill="yellow")
    pen.text((100, 310), "BIG SALE today", fill="white", font=ImageFont.truetype(BytesIO(FONT), 48))
    return picture


def assert_found(found: list[Detection], wanted: list[str], least: float = 0.85) -> None:
    assert len(found) == len(wanted), found
    for name in wanted:
        assert max(iou(item.box, SHAPES[name]) for item in found) > least, (name, found)
    assert all(0.5 < item.score <= 1 for item in found)


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("the red circle", ["large red circle", "small red circle"]),
        ("a yellow circle", ["yellow circle"]),
        ("all circles", ["large red circle", "small red circle", "yellow circle"]),
        ("the blue square", ["blue square"]),
        ("rectangles", ["blue square", "orange rectangle"]),
        ("Triangle.", ["purple triangle"]),
        ("the violet triangular shape", ["purple triangle"]),
        ("the star", ["yellow star"]),
        ("yellow things", ["yellow star", "yellow circle"]),
        ("the orange object", ["orange rectangle"]),
        ("the bright red ball", ["large red circle", "small red circle"]),
        ("the dark red circle", []),
        ("the green circle", []),
        ("pentagons", []),
        ("diamonds", []),
    ],
)
def test_coloured_shapes(scene: Image.Image, phrase: str, wanted: list[str]) -> None:
    assert_found(FIND(image=scene, phrase=phrase), wanted)


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("the largest red circle", ["large red circle"]),
        ("the smallest circle", ["yellow circle"]),
        ("the leftmost circle", ["small red circle"]),
        ("the circle on the right", ["yellow circle"]),
        ("second circle from the left", ["large red circle"]),
        ("the second largest circle", ["small red circle"]),
        ("the last circle from the left", ["yellow circle"]),
        ("the fifth circle", []),
        ("the two largest circles", ["large red circle", "small red circle"]),
        ("the circles on the left", ["small red circle", "large red circle"]),
        ("the top right object", ["yellow star"]),
        ("the lowest square", ["blue square"]),
    ],
)
def test_size_place_and_number_pick_out(scene: Image.Image, phrase: str, wanted: list[str]) -> None:
    assert_found(FIND(image=scene, phrase=phrase), wanted)


def test_an_order_is_kept(scene: Image.Image) -> None:
    lefts = [item.box[0] for item in FIND(image=scene, phrase="the three circles from the left")]
    assert lefts == sorted(lefts) and len(lefts) == 3


def test_all_objects_on_a_drawn_ground_without_the_letters(scene: Image.Image) -> None:
    assert_found(FIND(image=scene, phrase="all objects"), list(SHAPES))


def test_jpeg_and_a_larger_picture_make_no_difference(scene: Image.Image) -> None:
    stored = BytesIO()
    scene.save(stored, "JPEG", quality=85)
    photo = Image.open(stored).convert("RGB")
    assert_found(FIND(image=photo, phrase="all circles"), ["large red circle", "small red circle", "yellow circle"])
    assert_found(FIND(image=photo, phrase="the blue square"), ["blue square"])
    large = scene.resize((3000, 2000), Image.Resampling.NEAREST)
    (square,) = FIND(image=large, phrase="the blue square")
    assert iou(square.box, (300, 900, 655, 1255)) > 0.95


def test_an_area_may_be_ground(scene: Image.Image) -> None:
    (meadow,) = FIND(image=scene, phrase="the green area")
    assert iou(meadow.box, (0, 280, 600, 400)) > 0.95
    assert FIND(image=scene, phrase="the green object") == []


@pytest.mark.parametrize(("shape", "corners"), [("triangle", 3), ("pentagon", 5), ("hexagon", 6)])
@pytest.mark.parametrize("turn", [0, 10, 40])
def test_polygons_at_any_angle_and_only_they(shape: str, corners: int, turn: int) -> None:
    picture = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(picture).regular_polygon((80, 80, 60), corners, rotation=turn, fill="teal")
    (found,) = FIND(image=picture, phrase=f"the {shape}")
    assert found.score > 0.85
    others = {"triangle", "square", "pentagon", "circle", "star"} - {shape}
    assert all(FIND(image=picture, phrase=f"the {other}") == [] for other in others)


def test_a_diamond_is_a_square_on_its_corner() -> None:
    picture = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(picture).regular_polygon((80, 80, 60), 4, rotation=45, fill="red")
    assert len(FIND(image=picture, phrase="the red diamond")) == 1
    assert FIND(image=picture.rotate(45, fillcolor="white"), phrase="the red diamond") == []


@pytest.mark.parametrize(
    ("phrase", "box"),
    [
        ("the text", (100, 310, 465, 365)),
        ("the sign that says 'SALE'", (100, 310, 465, 365)),
        ("the word SALE", (199, 310, 321, 365)),
        ('"sale"', (199, 310, 321, 365)),
        ("the white text", (100, 310, 465, 365)),
        ("the word S4LE", (199, 310, 321, 365)),
    ],
)
def test_text_and_words(scene: Image.Image, phrase: str, box: PixelBox) -> None:
    (found,) = FIND(image=scene, phrase=phrase)
    assert iou(found.box, box) > 0.7 and found.score > 0.6


@pytest.mark.parametrize("phrase", ["the black text", "the word CLOSED", "'no'"])
def test_text_that_is_not_there(scene: Image.Image, phrase: str) -> None:
    assert FIND(image=scene, phrase=phrase) == []


def test_words_over_two_lines() -> None:
    picture = Image.new("RGB", (300, 160), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(BytesIO(FONT), 40)
    pen.text((30, 20), "Grand", fill="black", font=font)
    pen.text((30, 90), "Opening", fill="black", font=font)
    (found,) = FIND(image=picture, phrase="the sign that says Grand Opening")
    assert found.box[1] < 35 and found.box[3] > 120


@pytest.mark.parametrize("phrase", ["the face", "all faces", "the astronaut's face", "the woman's face", "face"])
def test_the_face_of_the_astronaut(phrase: str) -> None:
    (found,) = FIND(image=Image.fromarray(data.astronaut()), phrase=phrase)
    assert iou(found.box, (175, 65, 275, 175)) > 0.7 and found.score > 0.9 and found.label == "face"


def test_a_head_is_more_than_the_face() -> None:
    (head,) = FIND(image=Image.fromarray(data.astronaut()), phrase="the head")
    assert head.box[1] < 40 and iou(head.box, (160, 15, 295, 190)) > 0.75


def test_faces_in_a_crowd_and_none_where_there_are_none() -> None:
    faces = data.lfw_subset()
    crowd = Image.new("RGB", (600, 180), "grey")
    for place in range(4):
        one = Image.fromarray((np.clip(faces[place], 0, 1) * 255).astype(np.uint8)).resize((110, 110))
        crowd.paste(one, (20 + 145 * place, 35))
    assert len(FIND(image=crowd, phrase="faces")) == 4
    for name in ("coffee", "chelsea", "rocket", "brick"):
        assert FIND(image=Image.fromarray(getattr(data, name)()).convert("RGB"), phrase="the face") == []


def test_coloured_things_on_a_photograph() -> None:
    coffee = Image.fromarray(data.coffee())
    saucer = FIND(image=coffee, phrase="the red object")[0]
    assert iou(saucer.box, (75, 75, 480, 392)) > 0.9
    (rim,) = FIND(image=coffee, phrase="the white ellipse")
    assert iou(rim.box, (172, 15, 410, 205)) > 0.9


@pytest.mark.parametrize(
    "phrase",
    [
        "the dog",
        "the person on the left",
        "a cat next to the red circle",
        "the red circle next to the blue square",
        "everything except the circle",
        "the red car",
        "the face and the text",
        "the shop 'OPEN' dog",
        "",
        "?",
        "the",
        "light circle",
    ],
)
def test_what_cannot_be_found_is_refused_in_words(phrase: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        FIND(image=Image.new("RGB", (40, 40)), phrase=phrase)
    said = str(refusal.value)
    assert f"'{phrase}'" in said and "--profile full" in said and "coloured shapes" in said


def test_an_object_on_a_photograph_is_refused_with_a_way_on() -> None:
    with pytest.raises(ToolRefusal, match="Say its colour or shape"):
        FIND(image=Image.fromarray(data.coffee()), phrase="the object")


def test_the_object_of_a_cutout_is_what_can_be_seen_of_it() -> None:
    cutout = Image.new("RGBA", (200, 100), (255, 0, 0, 0))
    ImageDraw.Draw(cutout).rectangle((30, 20, 99, 79), fill="navy")
    (found,) = FIND(image=cutout, phrase="the object")
    assert iou(found.box, (30, 20, 100, 80)) > 0.95
    assert FIND(image=cutout, phrase="the red object") == []


@pytest.mark.parametrize("phrase", ["the red circle", "the face", "the text", "all triangles", "the blue area"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_single_pixel_holds_nothing_or_itself(mode: str, phrase: str) -> None:
    assert FIND(image=Image.new(mode, (1, 1), "red"), phrase=phrase) == []


@pytest.mark.parametrize(
    ("phrase", "quoted", "whole_line"),
    [
        ("the STOP sign", "STOP", True),
        ("the shop sign that says 'OPEN'", "OPEN", True),
        ("sign reading “Bon appétit”", "Bon appétit", True),
        ("the word RED", "RED", False),
        ("text saying don't panic", "don't panic", False),
        ("the words 'mind the gap'", "mind the gap", False),
    ],
)
def test_what_is_looked_for_is_taken_from_the_phrase(phrase: str, quoted: str, whole_line: bool) -> None:
    query = parse(phrase)
    assert (query.kind, query.quoted, query.whole_line, query.unknown) == ("text", quoted, whole_line, ())


PIECES = [*"'\"“‘’.,!? ", "the ", "second ", "says ", "word ", "red ", "circles ", "left ", "ÄÖ ", "x"]


@given(st.lists(st.sampled_from(PIECES)))
def test_no_phrase_is_too_odd_to_take_apart(parts: list[str]) -> None:
    query = parse("".join(parts))
    assert query.kind or query.unknown or not query.quoted


def test_nothing_is_changed_and_the_same_is_found_again_from_several_threads(scene: Image.Image) -> None:
    before = scene.tobytes()
    phrases = ["the red circle", "the face", "all objects", "the text"]
    alone = [FIND(image=scene, phrase=phrase) for phrase in phrases]
    other = pickle.loads(pickle.dumps(FIND))
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda phrase: other(image=scene, phrase=phrase), phrases))
    assert again == alone and scene.tobytes() == before
