"""Large pictures: every edit works at a bounded size or says why not, small pictures stay as they were.

What is large is told to the parts under test, so that nothing here is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from canvasagent import ToolBox
from canvasagent.backends.lite import image_edit, sr
from canvasagent.backends.lite.edits import (
    Edit,
    Job,
    Mask,
    Pixels,
    Working,
    _working,
    all_edits,
    background,
    denoise,
    posterize,
)
from canvasagent.backends.lite.edits._drawn import not_on_photographs
from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.backends.lite.tiling import in_tiles
from canvasagent.imaging.geometry import LARGE_PIXELS, shrunk_size
from canvasagent.sketch.draw import draw
from canvasagent.sketch.reading import read_drawing
from neighbourhood_costs import counted

SIZE = (240, 160)
LARGE = 9_600
"""A quarter of the pixels of SIZE."""
EDITS: dict[str, Edit] = {
    name: edit
    for name, edit in all_edits().items()
    if edit.apply is not not_on_photographs and edit.size is None and edit.places != ("text",)
}
"""Edits of any picture, of its own size, without text."""
BOUNDED = [name for name, edit in EDITS.items() if edit.working.share is not None]


@cache
def _photo() -> Pixels:
    return np.asarray(Image.fromarray(data.coffee()).resize(SIZE, Image.Resampling.BOX))


@cache
def _mask() -> Mask:
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).ellipse([60, 30, 150, 120], fill=255)
    return np.asarray(mask) > 0


def _job(edit: Edit, mask: Mask | None = None) -> Job:
    values = {"color": "blue", "new": "blue", "thing": "a red ball", "look_sunset": "sunset"}
    return Job(strength=edit.strength, values=values, mask=mask, seed=3)


def _watched(edit: Edit) -> tuple[Edit, list[Pixels]]:
    """The edit, and a list of what it will be given to work on."""
    given: list[Pixels] = []

    def apply(pixels: Pixels, job: Job) -> Pixels:
        assert job.mask is None or job.mask.shape == pixels.shape[:2]
        given.append(pixels)
        return edit.apply(pixels, job)

    return replace(edit, apply=apply), given


# --- every edit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", all_edits())
def test_every_edit_says_at_what_size_it_works(name: str) -> None:
    working = all_edits()[name].working
    assert isinstance(working, Working)
    assert working.share is None or 0.1 <= working.share <= 2, "more would be slow, less would be seen"


TILED = {"denoise"}
"""Slow, but done in tiles between which it can be cancelled; 24 megapixels take some 10 s of processor time."""
AFFORDABLE = 1250.0
"""Values read for a pixel of a picture of 24 megapixels that take about 10 s of processor time."""


@pytest.mark.parametrize("name", [name for name in EDITS if name not in TILED])
def test_no_edit_filters_large_pictures_through_large_windows(name: str) -> None:
    """Windows grow with the picture. Measured on two small ones, the cost is carried on to the side that is large."""
    edit, sides = EDITS[name], (128, 256)
    costs = []
    for side in sides:
        picture = np.asarray(Image.fromarray(data.coffee()).resize((side, side)))
        mask = np.zeros((side, side), bool)
        mask[side // 4 : side // 2, side // 4 : side // 2] = True
        with counted() as cost:
            edit.apply(picture, _job(edit, mask if edit.needs_place else None))
        costs.append(cost.total / picture.shape[0] / picture.shape[1])
    working = 24e6 if edit.working.share is None else edit.working.share * LARGE_PIXELS
    growth = (costs[1] - costs[0]) / (sides[1] - sides[0])
    cost = (costs[1] + growth * (working**0.5 - sides[1])) * working / 24e6
    assert cost < AFFORDABLE


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", BOUNDED)
def test_large_pictures_are_worked_on_at_the_size_that_an_edit_says(name: str, masked: bool) -> None:
    edit, given = _watched(EDITS[name])
    assert edit.working.share is not None
    result = _working.applied(edit, _photo(), _job(edit, _mask() if masked else None), LARGE)
    assert [pixels.shape[0] * pixels.shape[1] for pixels in given] == [pytest.approx(LARGE * edit.working.share, 0.05)]
    assert result.shape == _photo().shape and result.dtype == np.uint8
    assert (result != _photo()).any()


@pytest.mark.parametrize("name", EDITS)
def test_other_pictures_are_worked_on_as_they_are(name: str) -> None:
    """The very pixels and the very job: so the result is what it always was."""
    edit, given = _watched(EDITS[name])
    job, photo = _job(edit, _mask()), _photo()
    changed = _working.applied(edit, photo, job, SIZE[0] * SIZE[1])
    assert len(given) == 1 and given[0] is photo
    cv2.setRNGSeed(0)
    assert changed.tobytes() == EDITS[name].apply(photo, job).tobytes()


@pytest.mark.parametrize("name", BOUNDED)
def test_a_bounded_edit_looks_as_it_does_at_full_size(name: str) -> None:
    edit = EDITS[name]
    large = np.asarray(Image.fromarray(data.coffee()).resize((600, 400)))
    full = edit.apply(large, _job(edit))
    bounded = _working.applied(edit, large, _job(edit), 60_000)
    seen = [cv2.resize(one, (60, 40), interpolation=cv2.INTER_AREA).astype(float) for one in (large, full, bounded)]
    apart, changed = np.abs(seen[2] - seen[1]).mean(), np.abs(seen[1] - seen[0]).mean()
    assert apart < max(0.5 * changed, 4), f"{apart:.1f} levels apart, where the edit changes {changed:.1f}"


def test_detail_of_large_pictures_stays() -> None:
    """The finest structure is beyond the copy that is worked on: it must still be there, and no weaker."""
    fine = np.random.default_rng(0).integers(-12, 13, (*SIZE[::-1], 1))
    picture = np.clip(_photo().astype(int) + fine, 0, 255).astype(np.uint8)
    result = _working.applied(EDITS["detail"], picture, _job(EDITS["detail"]), LARGE)

    def finest(pixels: Pixels) -> float:
        return float(cv2.Laplacian(pixels, cv2.CV_32F).std())

    assert finest(result) > 0.95 * finest(picture)


@pytest.mark.parametrize("name", BOUNDED)
def test_outside_of_a_mask_large_pictures_stay_and_a_speck_is_a_place_too(name: str) -> None:
    before = Image.fromarray(_photo())
    for box in ([60, 30, 150, 120], [100, 60, 103, 62]):
        mask = Image.new("L", SIZE)
        ImageDraw.Draw(mask).rectangle(box, fill=255)
        prompt = EDITS[name].examples[0].replace("the picture", "it")
        after = Backend(Config(), large_pixels=2_400)(image=before, prompt=prompt, mask=mask, seed=1)
        changed = (np.asarray(after) != _photo()).any(axis=2)
        assert changed.any() and not changed[np.asarray(mask) == 0].any()


@pytest.mark.parametrize("size", [(1, 900), (3, 400), (31, 29)])
@pytest.mark.parametrize("name", BOUNDED)
def test_odd_large_pictures(name: str, size: tuple[int, int]) -> None:
    picture = np.asarray(Image.fromarray(_photo()).resize(size))
    assert _working.applied(EDITS[name], picture, _job(EDITS[name]), 300).shape == picture.shape


def test_a_smaller_size_keeps_its_proportions_and_its_bound() -> None:
    assert shrunk_size((600, 400), 240_000) == (600, 400) and shrunk_size((600, 400), 60_000) == (300, 200)
    assert shrunk_size((9000, 1), 100)[1] == 1
    width, height = shrunk_size((6000, 4000), LARGE_PIXELS)
    assert width * height == pytest.approx(LARGE_PIXELS, rel=0.001) and width / height == pytest.approx(1.5, rel=0.001)


@pytest.mark.parametrize("ground", ["a brick wall", "a sunset", "wood"])
def test_a_ground_behind_a_large_picture_looks_as_it_does_at_full_size(ground: str) -> None:
    mask = np.ones(SIZE[::-1], bool)
    mask[40:80, 60:120] = False
    job = Job(values={"new": ground}, mask=mask, seed=3)
    full, large = (background.apply(_photo(), job, limit).astype(float) for limit in (LARGE_PIXELS, LARGE))
    assert (large[~mask] == _photo()[~mask]).all() and not np.array_equal(full, large)
    assert np.abs(full.mean(axis=(0, 1)) - large.mean(axis=(0, 1))).max() < 6
    assert large[mask].std() == pytest.approx(full[mask].std(), rel=0.25)


# --- tiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", [denoise, posterize])
def test_what_is_made_of_tiles_is_what_the_whole_picture_gives(edit: object, monkeypatch: pytest.MonkeyPatch) -> None:
    apply: Callable[[Pixels, Job], Pixels] = edit.apply  # type: ignore[attr-defined]
    noisy = np.clip(_photo() + np.random.default_rng(1).normal(0, 9, _photo().shape), 0, 255).astype(np.uint8)
    whole = apply(noisy, Job(seed=2))
    monkeypatch.setattr(edit, "in_tiles", partial(in_tiles, side=48))
    monkeypatch.setattr(edit, "SIDE", 48, raising=False)
    assert apply(noisy, Job(seed=2)).tobytes() == whole.tobytes()


def test_large_pictures_lose_as_much_noise_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoise, "in_tiles", partial(in_tiles, side=64))
    clean = _photo().astype(float)
    noisy = np.clip(clean + np.random.default_rng(1).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    full, large = (denoise.apply(noisy, Job(), limit).astype(float) for limit in (LARGE_PIXELS, LARGE))
    errors = [np.abs(one - clean).mean() for one in (noisy, full, large)]
    assert errors[2] < 0.75 * errors[0] and errors[2] < 1.15 * errors[1]
    assert np.abs(large.mean(axis=(0, 1)) - clean.mean(axis=(0, 1))).max() < 1.5


# --- drawn pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scene",
    [
        "a dog, a red car and a tree in a park",
        "a cat and a house in a city at night, outline style",
        "two dogs and a bird",
    ],
)
def test_a_large_drawing_is_read_to_the_pixel_though_it_is_looked_at_in_a_smaller_copy(scene: str) -> None:
    picture = draw(scene, (640, 480), 3)
    full, bounded = read_drawing(picture), read_drawing(picture, 120_000)
    assert full is not None and bounded is not None and full.items
    assert bounded.setting == full.setting and bounded.pixels.shape == full.pixels.shape
    assert [(item.name, item.placement.color) for item in bounded.items] == [
        (item.name, item.placement.color) for item in full.items
    ]
    for one, other in zip(bounded.items, full.items, strict=True):
        assert one.box == other.box
        assert (one.label is None) == (other.label is None)


def test_an_edit_of_a_large_drawing_gives_what_it_gives_at_full_size() -> None:
    picture = draw("a dog, a red car and a tree in a park", (600, 450), 3)
    for prompt in ("flip the dog", "make the car blue", "make it night"):
        full, bounded = (
            np.asarray(Backend(Config(), limit)(image=picture, prompt=prompt, seed=1)).astype(int)
            for limit in (LARGE_PIXELS, 120_000)
        )
        assert (np.abs(full - bounded).max(axis=2) > 8).mean() < 0.003


# --- keys and limits ------------------------------------------------------------------------------------------------


def test_the_backend_says_above_what_size_it_works_another_way() -> None:
    assert image_edit.Backend.large[0] == LARGE_PIXELS == image_edit.Backend(Config()).large_pixels


def test_enlarging_a_large_picture_is_refused_with_the_limit() -> None:
    from test_toolbox import checked, drawn

    with ToolBox("lite") as toolbox:
        problem = toolbox._over_budget(*checked(drawn(Image.new("RGB", (6000, 4000))), "SR", image="img_1"))
    assert problem is not None and "384,000,000 pixels; the limit is 64,000,000" in problem and "Crop it" in problem
    assert sr.OVERLAP % 2 == 0
