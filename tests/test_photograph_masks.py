"""Masks in photographs with the real networks: subjects, things in boxes, edits of them, and GrabCut without them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite import image_edit, sam
from canvasagent.backends.lite.edits._subject import subject_mask
from canvasagent.backends.lite.photographs import saliency
from canvasagent.backends.lite.photographs.nearer import without_nearer
from canvasagent.errors import ToolRefusal, WeightsError
from canvasagent.imaging.geometry import PixelBox
from canvasagent.weights.sets import file_sets
from photo_weights import needs_networks

SEGMENT = sam.Backend(sam.Config())
EDIT = image_edit.Backend(image_edit.Config())
Mask = np.ndarray[Any, Any]


@cache
def photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def pixels_of(name: str) -> np.ndarray[Any, Any]:
    return np.asarray(photo(name))


def polygon(name: str, points: list[tuple[int, int]]) -> Mask:
    mask = Image.new("1", photo(name).size)
    ImageDraw.Draw(mask).polygon(points, fill=1)
    return np.asarray(mask)


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


CUP_AND_SAUCER = polygon(
    "coffee",
    [(77, 215), (82, 180), (95, 145), (125, 105), (180, 71), (185, 55), (205, 35), (240, 22), (287, 18), (340, 25),
     (375, 42), (398, 72), (410, 67), (424, 72), (423, 88), (418, 103), (450, 140), (470, 175), (478, 215), (475, 260),
     (455, 310), (420, 345), (370, 372), (300, 388), (230, 383), (180, 365), (130, 330), (98, 285), (82, 250)],
)  # fmt: skip
"""Outlined by hand."""


@needs_networks
def test_the_main_subject_is_cut_along_its_outline() -> None:
    likely = saliency.subject(pixels_of("coffee"))
    assert likely is not None and iou(likely > 0.5, CUP_AND_SAUCER) > 0.93
    assert iou(subject_mask(pixels_of("coffee")), CUP_AND_SAUCER) > 0.93


@needs_networks
@pytest.mark.parametrize("name", ["gravel", "brick", "grass", "moon"])
def test_a_texture_has_no_subject(name: str) -> None:
    assert saliency.subject(pixels_of(name)) is None


@needs_networks
def test_the_thing_in_a_box_and_nothing_far_outside() -> None:
    box: PixelBox = (168, 12, 418, 265)
    mask = np.asarray(SEGMENT(image=photo("coffee"), box=box)) > 0
    rows, columns = np.nonzero(mask)
    assert columns.min() >= 160 and columns.max() <= 426 and rows.max() <= 275
    assert mask[100, 300] and not mask[200, 110] and not mask[250, 410]  # the cup, not its saucer, not the table
    assert 0.6 < mask[12:265, 168:418].mean() < 0.9


@needs_networks
def test_grabcut_is_asked_where_the_network_sees_nothing() -> None:
    assert saliency.thing_in(pixels_of("gravel"), (200, 200, 300, 300)) is None
    mask = np.asarray(SEGMENT(image=photo("gravel"), box=(200, 200, 300, 300))) > 0
    assert mask.shape == (512, 512) and not mask[:190].any()


@needs_networks
def test_who_stands_in_front_is_no_part_of_a_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    from canvasagent.backends.lite.photographs import nearer
    from canvasagent.backends.lite.photographs.detector import PhotographedThing

    person = PhotographedThing("person", (13, 12, 372, 510), 0.9)
    wall = PhotographedThing("bus", (0, 0, 512, 512), 0.9)
    monkeypatch.setattr(nearer, "find_things", lambda pixels: [person, wall])
    everything = np.ones((512, 512), bool)
    left = without_nearer(everything, pixels_of("astronaut"), wall.box)
    assert left[50, 480] and left[50, 100] and not left[300, 200] and not left[120, 225]
    assert without_nearer(everything, pixels_of("astronaut"), person.box).all()


@needs_networks
def test_a_large_photograph_has_the_same_mask() -> None:
    large = photo("coffee").resize((2400, 1600), Image.Resampling.BICUBIC)
    likely = saliency.subject(np.asarray(large))
    assert likely is not None and likely.shape == (1600, 2400)
    small = np.asarray(Image.fromarray(likely > 0.5).resize((600, 400)))
    assert iou(small, CUP_AND_SAUCER) > 0.93


def changed(name: str, prompt: str) -> Mask:
    """Where an edit changes a picture clearly."""
    after = EDIT(image=photo(name), prompt=prompt, mask=None, seed=1)
    difference = np.abs(np.asarray(after.convert("RGB")).astype(np.int16) - pixels_of(name)).max(axis=2)
    return np.asarray(difference > 12)


@needs_networks
@pytest.mark.parametrize(
    ("name", "prompt", "inside", "outside"),
    [
        ("coffee", "make everything but the cup black and white", (250, 120), (100, 300)),
        ("coffee", "make the main subject black and white", (250, 420), (20, 560)),
        ("chelsea", "replace the background with blue", (150, 430), (150, 150)),
        ("astronaut", "make the person black and white", (350, 120), (350, 470)),
    ],
)
def test_edits_of_a_place_leave_the_rest(
    name: str, prompt: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    mask = changed(name, prompt)
    (row, column), (other_row, other_column) = inside, outside
    assert mask[row - 8 : row + 8, column - 8 : column + 8].mean() > 0.8
    assert not mask[other_row - 8 : other_row + 8, other_column - 8 : other_column + 8].any()


@needs_networks
def test_an_edit_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(ToolRefusal, match="no 'the dog' was found"):
        EDIT(image=photo("chelsea"), prompt="make the dog brighter", mask=None, seed=1)


@needs_networks
def test_results_are_the_same_each_time() -> None:
    box: PixelBox = (13, 12, 372, 510)
    first = SEGMENT(image=photo("astronaut"), box=box).tobytes()
    saliency._saliency.cache_clear()
    assert SEGMENT(image=photo("astronaut"), box=box).tobytes() == first


def test_without_the_network_grabcut_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_MODELS", str(tmp_path))
    mask = np.asarray(SEGMENT(image=photo("coffee"), box=(168, 12, 418, 265))) > 0
    assert mask[100, 300]
    with pytest.raises(ToolRefusal, match="cannot be told from the background"):
        subject_mask(pixels_of("gravel"))
    for item in file_sets()["photo"].file:
        with (tmp_path / item.name).open("wb") as stream:
            stream.truncate(item.bytes)
    with pytest.raises(WeightsError, match="models pull photo"):
        SEGMENT(image=photo("coffee"), box=(168, 12, 418, 265))
