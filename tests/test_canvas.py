"""The canvas: ids, aliases, immutability, hashes only when asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from canvasagent.canvas import Asset, Canvas, Kind, input_key, pixel_hash
from canvasagent.imaging.pictures import with_profile


def picture(shade: int = 0, size: tuple[int, int] = (8, 6)) -> Image.Image:
    return Image.new("RGB", size, (shade, 10, 20))


def made(name: str, shade: int = 0) -> Asset:
    return Asset(name, Kind.IMAGE, picture(shade), f"key of {name}")


def test_inputs_are_numbered_and_the_base_is_the_first() -> None:
    canvas = Canvas()
    first, second = canvas.add_input(picture(1)), canvas.add_input(picture(2), Kind.CUTOUT)
    assert canvas.imglist == ["img_1", "img_2"] and canvas.inputs == 2
    assert canvas["base"] is canvas["base_image"] is canvas[" img_1 "] is first
    assert canvas.find("img_2") is second and second.kind == Kind.CUTOUT
    assert canvas.find("Img_1") is None and "img_3" not in canvas and 5 not in canvas


def test_ids_count_per_tool_from_zero() -> None:
    canvas = Canvas()
    canvas.add_input(picture())
    assert canvas.next_id("Crop") == "Crop_0"
    for name in ("Crop_0", "SAM_0", "Crop_1"):
        canvas.add(made(name))
    assert (canvas.next_id("Crop"), canvas.next_id("SAM"), canvas.next_id("SR")) == ("Crop_2", "SAM_1", "SR_0")
    assert canvas.imglist_text() == "{img_1, Crop_0, SAM_0, Crop_1}"
    assert [asset.id for asset in canvas] == canvas.imglist and len(canvas) == 4


def test_tool_names_do_not_mix() -> None:
    canvas = Canvas()
    canvas.add(made("ImageSR_7"))
    canvas.add(made("S.R_3"))
    assert canvas.next_id("SR") == "SR_0"


def test_assets_never_change() -> None:
    canvas = Canvas()
    asset = canvas.add(made("Crop_0"))
    with pytest.raises(ValueError, match="Crop_0"):
        canvas.add(made("Crop_0", 9))
    assert canvas["Crop_0"] is asset
    with pytest.raises(dataclasses.FrozenInstanceError):
        asset.id = "Crop_1"  # type: ignore[misc]


def test_an_unknown_id_is_told_with_those_that_exist() -> None:
    canvas = Canvas()
    canvas.add_input(picture())
    with pytest.raises(KeyError, match=r"no asset 'SAM_0'; there are \{img_1\}"):
        canvas["SAM_0"]


def test_pixels_are_hashed_only_when_asked_for_and_once() -> None:
    asset = made("Crop_0", 3)
    assert "pixel_hash" not in vars(asset)
    assert asset.pixel_hash == pixel_hash(picture(3))
    assert vars(asset)["pixel_hash"] is asset.pixel_hash


def test_the_hash_tells_mode_size_and_pixels_apart_and_nothing_else() -> None:
    grey = Image.new("L", (6, 2), 7)
    distinct = [grey, Image.new("L", (2, 6), 7), Image.new("RGB", (2, 2), (7, 7, 7)), Image.new("L", (6, 2), 8)]
    assert len({pixel_hash(one) for one in distinct}) == 4
    tagged = with_profile(picture(), b"x" * 200)
    assert pixel_hash(tagged) == pixel_hash(picture())
    assert input_key(tagged) != input_key(picture())


def test_a_view_is_small_kept_and_leaves_the_asset_alone() -> None:
    random = np.random.default_rng(0)
    asset = Asset("img_1", Kind.IMAGE, Image.fromarray(random.integers(0, 255, (300, 400, 3), dtype=np.uint8)), "k")
    view = asset.view(10_000)
    assert view.width * view.height <= 10_000 and view.width / view.height == pytest.approx(4 / 3, rel=0.03)
    assert asset.view(10_000) is view and asset.size == (400, 300)
    assert asset.view(1_000_000) is asset.picture
