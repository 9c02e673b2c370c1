"""Finding in photographs with the real networks, and what is said where they are missing or damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from canvasagent.backends.base import Detection
from canvasagent.backends.lite import grounding
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.detector import find_things, kinds
from canvasagent.backends.lite.photographs.finding import names_photographed, thing_nouns
from canvasagent.backends.lite.photographs.landmarks import sure_faces
from canvasagent.backends.profile import fingerprint
from canvasagent.english.lexicon import lexicon
from canvasagent.errors import ToolRefusal, WeightsError
from canvasagent.imaging.geometry import PixelBox, overlap
from canvasagent.imaging.photograph import is_photograph
from canvasagent.sketch.draw import draw
from canvasagent.weights.sets import file_sets
from photo_weights import needs_networks

FIND = grounding.Backend(grounding.Config())
PERSON: PixelBox = (13, 0, 380, 512)
CUP: PixelBox = (168, 12, 418, 270)
CAT: PixelBox = (5, 0, 410, 300)


def photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def find(name: str, phrase: str) -> list[Detection]:
    return FIND(image=photo(name), phrase=phrase)


@needs_networks
@pytest.mark.parametrize(
    ("name", "phrase", "box"),
    [
        ("astronaut", "the person", PERSON),
        ("astronaut", "the woman", PERSON),  # there is one person, so it is she
        ("astronaut", "the person on the left", PERSON),
        ("coffee", "the cup", CUP),
        ("coffee", "the coffee mug", CUP),
        ("coffee", "the cup on the table", CUP),
        ("chelsea", "the cat", CAT),
        ("chelsea", "the largest animal", CAT),
        ("chelsea", "the brown cat", CAT),
        ("chelsea", "the main subject", CAT),
    ],
)
def test_a_thing_is_found(name: str, phrase: str, box: PixelBox) -> None:
    (found,) = find(name, phrase)
    assert overlap(found.box, box) > 0.85 and found.score > 0.5


@needs_networks
@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("astronaut", "the dog"),
        ("chelsea", "the blue cat"),
        ("chelsea", "the lion"),
        ("chelsea", "two cats on the left of a car"),
        ("coffee", "the second cup from the left"),
        ("gravel", "the main subject"),
        ("gravel", "all people"),
        ("brick", "the car"),
    ],
)
def test_what_is_not_there_is_not_found(name: str, phrase: str) -> None:
    assert find(name, phrase) == []


@needs_networks
@pytest.mark.parametrize(
    ("phrase", "said"), [("the furry cat", "furry"), ("a unicorn", "unicorn"), ("the cat's collar", "collar")]
)
def test_words_that_nobody_knows_are_refused(phrase: str, said: str) -> None:
    with pytest.raises(ToolRefusal, match=said):
        find("chelsea", phrase)


def two_people() -> Image.Image:
    person = photo("astronaut").crop((0, 0, 380, 512))
    both = Image.new("RGB", (760, 512))
    both.paste(person, (0, 0))
    both.paste(person.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (380, 0))
    return both


@needs_networks
def test_several_people_are_told_apart_by_place_but_not_by_sex() -> None:
    picture = two_people()
    assert len(FIND(image=picture, phrase="all people")) == 2
    (right,) = FIND(image=picture, phrase="the person on the right")
    assert right.box[0] > 350
    assert FIND(image=picture, phrase="the third person from the left") == []
    with pytest.raises(ToolRefusal, match=r"sees 2 people .* 'woman'.* 'the person on the left'"):
        FIND(image=picture, phrase="the woman on the left")


@needs_networks
def test_faces_are_made_sure_of_and_their_parts_found() -> None:
    pixels = np.asarray(photo("astronaut"))
    (face,) = sure_faces(pixels)
    assert overlap(face.box, (177, 66, 274, 178)) > 0.8
    left, right = (found.box for found in find("astronaut", "both eyes"))
    assert left[2] < right[0] and face.box[1] < left[1] < left[3] < (face.box[1] + face.box[3]) / 2
    (mouth,) = find("astronaut", "the mouth")
    assert mouth.box[1] > left[3] and len(find("astronaut", "the left eye")) == 1
    assert face.points.min() >= 0 and face.points.max() <= 512


@needs_networks
@pytest.mark.parametrize("angle", [-12, 0, 12])
def test_the_tilt_of_a_head_is_measured(angle: int) -> None:
    (upright,) = sure_faces(np.asarray(photo("astronaut")))
    turned = photo("astronaut").rotate(-angle, Image.Resampling.BICUBIC, center=(225, 120), fillcolor=(90, 90, 90))
    (face,) = sure_faces(np.asarray(turned))
    assert face.roll - upright.roll == pytest.approx(angle, abs=2.5)


@needs_networks
def test_a_false_face_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    place = ((60.0, 40.0, 180.0, 170.0), 0.9)
    module = "canvasagent.backends.lite.photographs.landmarks.find_faces"
    monkeypatch.setattr(module, lambda pixels: [place])  # a cascade that sees a face everywhere
    for name in ("gravel", "brick", "chelsea", "coins"):
        assert sure_faces(np.asarray(photo(name))) == [], name


@needs_networks
def test_a_drawing_is_no_photograph_and_the_reverse() -> None:
    drawing = draw("a red car on a street", (384, 288), 1)
    assert not is_photograph(np.asarray(drawing.convert("RGB"))) and is_photograph(np.asarray(photo("coffee")))
    (car,) = FIND(image=drawing, phrase="the red car")
    assert car.label == "car" and FIND(image=drawing, phrase="the dog") == []
    with pytest.raises(ToolRefusal, match="hair"):  # no thing of the drawn world, and no photograph
        FIND(image=drawing, phrase="the hair dryer")


@needs_networks
def test_results_do_not_depend_on_threads_or_on_what_was_looked_at_before() -> None:
    pixels = np.asarray(photo("coffee"))
    threads = cv2.getNumThreads()
    results = []
    try:
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            find_things(np.asarray(photo("chelsea"))[:, : 300 + count])
            cropped = np.ascontiguousarray(pixels[: 399 + count // 4])
            results.append([(thing.name, thing.box, thing.score) for thing in find_things(cropped, 0.2)])
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1] and results[0]


@needs_networks
def test_a_crowd_and_pictures_of_nothing() -> None:
    person = photo("astronaut").crop((0, 0, 380, 512)).resize((95, 128))
    crowd = Image.new("RGB", (950, 512))
    for place in range(40):
        crowd.paste(person, (place % 10 * 95, place // 10 * 128))
    people = FIND(image=crowd, phrase="all people")
    assert 10 < len(people) <= 40 and all(overlap(a.box, b.box) < 0.6 for a in people for b in people if a is not b)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 90, 3), dtype=np.uint8))
    for phrase in ("the person", "the eyes", "the main subject", "the red car", "the face"):
        assert FIND(image=noise, phrase=phrase) == []
    for size in ((1, 1), (3, 700), (64, 64)):
        with pytest.raises(ToolRefusal, match="in photographs 80 kinds"):  # of one colour: no photograph
            FIND(image=Image.new("RGB", size, "white"), phrase="the unicorn")


@needs_networks
def test_several_threads_find_the_same() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from canvasagent.backends.lite.photographs import detector

    pictures = [np.roll(np.asarray(photo("astronaut")), 7 * number, axis=1) for number in range(4)] * 2
    one_by_one = [find_things(pixels) for pixels in pictures[:4]] * 2
    detector._things.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(find_things, pictures)) == one_by_one


def test_the_lexicon_names_the_80_kinds() -> None:
    assert len(kinds()) == len(lexicon()["photographed"]) == 80 and max(kinds()) == 90
    known = set(lexicon()["photographed"])
    assert all(set(group) <= known for group in lexicon()["photographed_groups"].values())
    assert thing_nouns()["people"] == (frozenset(["person"]), True)
    assert thing_nouns()["sofa"] == (frozenset(["couch"]), False)
    assert names_photographed("two taxis") and not names_photographed("the red circle")


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with nothing in it."""
    monkeypatch.setenv("CANVASAGENT_MODELS", str(tmp_path))
    return tmp_path


def test_without_the_networks_it_says_what_is_missing(without: Path) -> None:
    for phrase in ("the person", "the red car", "the left eye", "the main subject", "the flower"):
        with pytest.raises(ToolRefusal, match="`canvasagent models pull photo`"):
            find("astronaut", phrase)
    (face,) = find("astronaut", "the face")  # by the cascades, as ever
    assert overlap(face.box, (177, 66, 274, 178)) > 0.8
    with pytest.raises(ToolRefusal, match="cannot look for 'unicorn'"):
        find("astronaut", "a unicorn")


def test_damaged_weights_say_how_to_fetch_them(without: Path) -> None:
    for item in file_sets()["photo"].file:
        with (without / item.name).open("wb") as stream:
            stream.truncate(item.bytes)  # of the right size, full of zeros
    with pytest.raises(WeightsError, match=r"SHA-256 .* `canvasagent models pull photo`"):
        find("astronaut", "the person")


def test_keys_change_with_the_weights(without: Path) -> None:
    bare = fingerprint("lite/grounding", {})
    for item in file_sets()["photo"].file:
        with (without / item.name).open("wb") as stream:
            stream.truncate(item.bytes)
    assert set(networks.ALL) == {item.name for item in file_sets()["photo"].file}
    assert fingerprint("lite/grounding", {}) != bare
