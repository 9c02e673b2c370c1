"""The lite ImageGeneration: what is drawn is what was asked for, measured on the pixels and by other tools."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from canvasagent.backends.lite import ocr
from canvasagent.backends.lite.figures import SHAPES, Figures, arrange
from canvasagent.backends.lite.image_generation import Backend, Config, choose
from canvasagent.backends.lite.lettering import contrast, fit
from canvasagent.backends.lite.prompts import read_prompt
from canvasagent.backends.lite.scenery import ground_for
from canvasagent.english.colors import color_named, colors
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.draw import draw
from canvasagent.sketch.scene import Scene as DrawnScene


def _make(prompt: str, size: tuple[int, int] | None = (256, 256), seed: int = 3) -> Image.Image:
    return Backend(Config())(prompt=prompt, size=size, seed=seed)


def _blobs(picture: Image.Image, color: str) -> list[tuple[float, float, float]]:
    """Middle (shares of the picture) and area of every connected patch of a colour, the largest first."""
    wanted = np.array(color_named(color))
    mask = (np.abs(np.asarray(picture).astype(int) - wanted).max(axis=2) < 30).astype(np.uint8)
    count, _, figures, middles = cv2.connectedComponentsWithStats(mask)
    found = [
        (middles[index][0] / picture.width, middles[index][1] / picture.height, float(figures[index, cv2.CC_STAT_AREA]))
        for index in range(1, count)
        if figures[index, cv2.CC_STAT_AREA] > 60
    ]
    return sorted(found, key=lambda blob: -blob[2])


GROUNDS = [
    "a sunset",
    "a night sky with stars",
    "the sea",
    "a sunset over the sea",
    "a blue sky with clouds",
    "a brick wall",
    "wood texture",
    "a paper background",
    "a gradient from red to blue",
    "a radial gradient from white to navy",
    "plain light blue",
    "grass",
    "sand",
    "concrete",
]


@pytest.mark.parametrize("prompt", [*GROUNDS, "three red circles and a sign that says 'GO' on a brick wall"])
def test_same_prompt_and_seed_same_pixels(prompt: str) -> None:
    first, second = _make(prompt), _make(prompt)
    assert first.mode == "RGB"
    assert first.size == (256, 256)
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("prompt", GROUNDS)
@pytest.mark.parametrize("size", [(16, 16), (17, 301), (640, 64)])
def test_grounds_fill_any_size(prompt: str, size: tuple[int, int]) -> None:
    assert _make(prompt, size).size == size


def test_the_size_is_the_settings_where_none_is_asked_for() -> None:
    assert _make("a sunset", None).size == (512, 512)
    assert Backend(Config(size=(300, 200)))(prompt="a sunset", size=None, seed=0).size == (300, 200)


@pytest.mark.parametrize("prompt", ["a night sky with stars", "a brick wall", "five red circles"])
def test_another_seed_draws_another_picture(prompt: str) -> None:
    assert _make(prompt, seed=1).tobytes() != _make(prompt, seed=2).tobytes()


@pytest.mark.parametrize("color", ["red", "blue", "green", "yellow", "purple", "black", "dark green"])
@pytest.mark.parametrize(("count", "word"), [(1, "a"), (3, "three"), (7, "seven"), (12, "12")])
def test_shapes_are_counted_and_coloured(color: str, count: int, word: str) -> None:
    plural = "s" if count > 1 else ""
    assert len(_blobs(_make(f"{word} {color} circle{plural}"), color)) == count


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_is_drawn_smooth_and_inside(shape: str) -> None:
    pixels = np.asarray(_make(f"a blue {shape} on a white background"))
    blue = (np.abs(pixels.astype(int) - np.array(colors()["blue"])).max(axis=2) < 8).sum()
    edge = ((pixels > np.array(colors()["blue"]) + 12) & (pixels < 243)).all(axis=2).sum()
    assert blue > 0.03 * 256 * 256
    # Edges along the grid may fall between pixels; all others have pixels that are partly covered.
    assert edge > 20 or shape in {"square", "rectangle", "cross"}
    assert (pixels[0] == 255).all() and (pixels[-1] == 255).all()
    assert (pixels[:, 0] == 255).all() and (pixels[:, -1] == 255).all()


@pytest.mark.parametrize(
    ("place", "x", "y"),
    [
        ("on the left", (0, 0.4), (0.35, 0.65)),
        ("on the right side", (0.6, 1), (0.35, 0.65)),
        ("at the top", (0.35, 0.65), (0, 0.4)),
        ("at the bottom", (0.35, 0.65), (0.6, 1)),
        ("in the top right corner", (0.6, 1), (0, 0.4)),
        ("in the lower left corner of the picture", (0, 0.4), (0.6, 1)),
        ("in the centre", (0.45, 0.55), (0.45, 0.55)),
    ],
)
def test_places(place: str, x: tuple[float, float], y: tuple[float, float]) -> None:
    ((across, down, _),) = _blobs(_make(f"a green square {place}"), "green")
    assert x[0] <= across <= x[1]
    assert y[0] <= down <= y[1]


def test_sizes_are_ordered() -> None:
    areas = [_blobs(_make(f"a {size} red circle"), "red")[0][2] for size in ("tiny", "small", "large")]
    assert areas[0] * 1.5 < areas[1] < areas[2] / 1.5


def test_several_things_on_a_ground() -> None:
    picture = _make("a red circle on the left and two yellow stars on the right, on a navy background")
    assert len(_blobs(picture, "red")) == 1
    assert len(_blobs(picture, "yellow")) == 2
    assert picture.getpixel((1, 1)) == colors()["navy"]


@given(st.integers(1, 20), st.sampled_from([0.35, 1.0, 1.9]), st.integers(0, 99))
@settings(max_examples=40)
def test_shapes_never_touch(count: int, scale: float, seed: int) -> None:
    placed = arrange([Figures("circle", (0, 0, 0), count, None, scale)], (300, 200), np.random.default_rng(seed))
    assert len(placed) == count
    assert len({round(shape.radius, 6) for shape in placed}) == 1
    for index, one in enumerate(placed):
        assert one.radius <= one.center[0] <= 300 - one.radius
        for other in placed[:index]:
            assert np.hypot(*np.subtract(one.center, other.center)) > one.radius + other.radius


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a sign that says 'OPEN'", "OPEN"),
        ("a poster with the words 'GRAND SUMMER SALE'", "GRAND SUMMER SALE"),
        ('a red banner saying "WELCOME" against a sunset sky', "WELCOME"),
        ("a sign that says 'CLOSED' on a brick wall", "CLOSED"),
        ("the text 'Hello World' in red at the top", "Hello World"),
        ("an orange poster that says 'JAZZ NIGHT' in navy letters", "JAZZ NIGHT"),
    ],
)
def test_words_can_be_read(prompt: str, text: str) -> None:
    lines = ocr.Backend(ocr.Config())(image=_make(prompt, (384, 384)))
    assert " ".join(line.text for line in lines) == text


def test_lettering_has_the_asked_for_colours() -> None:
    picture = _make("a yellow sign that says 'STOP' in red letters")
    assert _blobs(picture, "yellow")[0][2] > 8000
    assert sum(blob[2] for blob in _blobs(picture, "red")) > 800


def test_text_is_as_large_as_its_room_allows() -> None:
    lines, size = fit("one two three four", (300, 200))
    assert len(lines) > 1
    assert size > fit("one two three four", (300, 40))[1]
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize(
    ("prompt", "noun"),
    [
        ("a unicorn", "unicorn"),
        ("a picture of a dog and a red circle", "dog"),
        ("a picture of a dog and a red circle", "circle"),
        ("a red circle and a wizard on a brick wall", "wizard"),
        ("a red circle on a spaceship", "spaceship"),
        ("a centaur at sunset", "centaur"),
        ("three minotaurs", "minotaurs"),
        ("a red circle riding a bicycle", "riding"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(prompt: str, noun: str) -> None:
    with pytest.raises(ToolRefusal) as refusal:
        _make(prompt)
    assert f"{noun}'" in str(refusal.value).split(";")[0]
    assert "--profile full" in str(refusal.value)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a big pigg on a beach", "did you mean 'pig'"),
        ("200 dogs", "200 things"),
        ("-3 cats", "'-3' is no count"),
        ("a dog in a kitchen in the rain", "no rain in a kitchen"),
        ("a dog and a unicorn in the hangar", "'unicorn', 'hangar'"),
        ("<script>alert(1)</script>", "'script', 'alert'"),
        ("a sign that says '" + "very long words " * 30 + "'", "too long to be read"),
        ("", "empty"),
    ],
)
def test_bad_prompts_are_told_what_is_wrong(prompt: str, words: str) -> None:
    with pytest.raises(ToolRefusal, match=re.escape(words)):
        _make(prompt)


@pytest.mark.parametrize(
    "prompt", ["two dogs next to a red car on a beach at night", "a ball", "a sign that says 'HI'"]
)
def test_drawn_things_are_drawn_by_the_drawn_world(prompt: str) -> None:
    assert isinstance(choose(prompt), DrawnScene)
    picture = _make(prompt, (320, 200), seed=5)
    assert picture.tobytes() == draw(prompt, (320, 200), 5).tobytes() == _make(prompt, (320, 200), seed=5).tobytes()
    assert picture.tobytes() != _make(prompt, (320, 200), seed=6).tobytes()


@pytest.mark.parametrize("prompt", ["a star", "a blue octagon", "a sunset", "a night sky with stars", "a brick wall"])
def test_shapes_and_textures_are_made_by_procedure(prompt: str) -> None:
    assert not isinstance(choose(prompt), DrawnScene)


def test_too_many_shapes_are_refused() -> None:
    with pytest.raises(ToolRefusal, match="999"):
        _make("999 red circles")


@pytest.mark.parametrize("words", ["red", "dark red", "sky-blue", "#ff8800", "#f80", "very light grey", "greenish"])
def test_colour_words(words: str) -> None:
    assert color_named(words) is not None
    assert ground_for(f"a {words} background") is not None


def test_words_that_are_no_colour() -> None:
    assert color_named("giraffe") is None
    assert color_named("") is None


@settings(max_examples=120)
@given(st.text(max_size=80))
def test_prompts_are_read_or_refused(prompt: str) -> None:
    try:
        scene = read_prompt(prompt)
    except ToolRefusal:
        return
    assert scene.ground((16, 16), 0).shape == (16, 16, 3)
