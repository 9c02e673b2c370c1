"""Crop, Flip, Rotate and Extract of the lite profile: exact where they can be, clean at the edges elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from canvasagent.backends.lite import crop, extract, flip, rotate
from canvasagent.canvas import Kind
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.pictures import profile_of, with_profile
from canvasagent.tools import all_tools
from canvasagent.tools.base import AssetInfo

CROP = crop.Backend(crop.Config())
FLIP = flip.Backend(flip.Config())
ROTATE = rotate.Backend(rotate.Config())
EXTRACT = extract.Backend(extract.Config())
MODES = ("RGB", "RGBA", "L")
PROFILE = b"p" * 200


def picture(mode: str, size: tuple[int, int] = (37, 23)) -> Image.Image:
    """Noise in every channel, with a colour profile; 0 and 255 for L."""
    random = np.random.default_rng(1)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    pixels = random.integers(0, 256, shape, dtype=np.uint8)
    return with_profile(
        Image.fromarray(np.where(pixels > 127, 255, 0).astype(np.uint8) if mode == "L" else pixels), PROFILE
    )


def array(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize("mode", MODES)
def test_crop_flip_and_quarter_turns_move_pixels_and_change_none(mode: str) -> None:
    image = picture(mode)
    before, pixels = image.tobytes(), np.asarray(image)
    expected = {
        "crop": (CROP(image=image, box=(3, 5, 30, 20)), pixels[5:20, 3:30]),
        "flip": (FLIP(image=image), pixels[:, ::-1]),
        "0": (ROTATE(image=image, angle=0), pixels),
        "90": (ROTATE(image=image, angle=90), np.rot90(pixels, -1)),
        "180": (ROTATE(image=image, angle=180), np.rot90(pixels, 2)),
        "270": (ROTATE(image=image, angle=270), np.rot90(pixels)),
        "-90": (ROTATE(image=image, angle=-90), np.rot90(pixels)),
        "360": (ROTATE(image=image, angle=360), pixels),
    }
    for name, (result, wanted) in expected.items():
        assert result.mode == mode, name
        assert np.array_equal(np.asarray(result), wanted), name
        assert profile_of(result) == PROFILE, name
        assert result is not image
    assert image.tobytes() == before


def test_turning_is_clockwise() -> None:
    image = Image.new("RGB", (101, 101), "black")
    image.paste("red", (40, 0, 61, 10))  # twelve o'clock
    for angle, place in ((90, (95, 50)), (-90, (5, 50)), (45, (103, 40))):
        turned = ROTATE(image=image, angle=angle)
        assert turned.getpixel(place) == (255, 0, 0), angle


@pytest.mark.parametrize(("mode", "corner"), [("RGB", (255, 255, 255)), ("RGBA", (0, 0, 0, 0)), ("L", 0)])
def test_corners_are_white_transparent_or_black(mode: str, corner: Any) -> None:
    image = picture(mode, (60, 40))
    turned = ROTATE(image=image, angle=30)
    right, bottom = turned.width - 1, turned.height - 1
    assert [turned.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))] == [corner] * 4
    assert turned.mode == mode


@given(st.integers(-360, 360), st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=60)
def test_the_canvas_holds_everything_and_is_as_large_as_the_tool_says(angle: int, width: int, height: int) -> None:
    image = Image.new("RGBA", (width, height), (10, 200, 30, 255))
    turned = ROTATE(image=image, angle=angle)
    told = all_tools()["Rotate"]
    arguments = told.arguments.model_validate({"image": "img_1", "angle": angle})
    expected = told.output_pixels(arguments, {"image": AssetInfo("img_1", Kind.IMAGE, image.size)})
    assert turned.width * turned.height <= expected
    turn = math.radians(angle)
    assert abs(turned.width - (width * abs(math.cos(turn)) + height * abs(math.sin(turn)))) <= 1
    covered = array(turned)[..., 3].sum() / 255
    assert covered == pytest.approx(width * height, rel=0.02, abs=0.25 * (width + height))


@pytest.mark.parametrize("angle", [1, 33, 45, 200])
def test_masks_stay_masks(angle: int) -> None:
    mask = Image.new("L", (80, 50))
    mask.paste(255, (20, 10, 60, 40))
    turned = ROTATE(image=mask, angle=angle)
    assert set(np.unique(np.asarray(turned))) == {0, 255}
    assert (np.asarray(turned) > 0).sum() == pytest.approx(40 * 30, rel=0.04)


def test_a_turned_cutout_has_no_fringe() -> None:
    """A red disc whose transparent surroundings hide green: no green, no dark may show."""
    ys, xs = np.mgrid[:80, :80]
    inside = (xs - 39.5) ** 2 + (ys - 39.5) ** 2 < 30**2
    pixels = np.where(inside[..., None], (255, 0, 0, 255), (0, 255, 0, 0)).astype(np.uint8)
    turned = ROTATE(image=Image.fromarray(pixels), angle=27)
    shown = Image.alpha_composite(Image.new("RGBA", turned.size, "white"), turned)
    red, green, blue, _ = np.moveaxis(array(shown), -1, 0)
    assert red.min() >= 253
    assert np.abs(green - blue).max() <= 2


def test_turning_there_and_back_keeps_the_picture_sharp() -> None:
    photo = Image.fromarray(data.astronaut()).resize((255, 255), Image.Resampling.LANCZOS)
    there = ROTATE(image=photo, angle=30)
    back = ROTATE(image=there, angle=-30)
    left, top = (back.width - 255) // 2, (back.height - 255) // 2
    error = array(back.crop((left, top, left + 255, top + 255))) - array(photo)
    rms = math.sqrt((error[8:-8, 8:-8] ** 2).mean())
    assert 20 * math.log10(255 / rms) > 37  # Pillow: bicubic 37.2 dB, bilinear 31.5


def test_very_long_pictures_turn_too() -> None:
    strip = Image.new("RGB", (33_000, 2), "red")
    turned = ROTATE(image=strip, angle=1)
    assert turned.width > 32_900 and turned.getpixel((0, turned.height - 1)) == (255, 255, 255)


def test_a_cutout_is_tight_and_shaped_like_the_mask() -> None:
    image, mask = picture("RGB"), Image.new("L", (37, 23))
    mask.paste(255, (5, 4, 15, 12))
    mask.putpixel((5, 4), 0)
    cutout = EXTRACT(image=image, mask=mask)
    assert cutout.mode == "RGBA" and cutout.size == (10, 8) and profile_of(cutout) == PROFILE
    assert np.array_equal(np.asarray(cutout)[..., :3], np.asarray(image)[4:12, 5:15])
    assert np.array_equal(np.asarray(cutout)[..., 3], np.asarray(mask)[4:12, 5:15])


def test_a_cutout_of_a_cutout_keeps_what_was_transparent() -> None:
    image = picture("RGBA")
    alpha = np.asarray(image)[..., 3]
    assert np.array_equal(np.asarray(EXTRACT(image=image, mask=Image.new("L", image.size, 255)))[..., 3], alpha)


def test_nothing_to_extract_is_refused() -> None:
    with pytest.raises(ToolRefusal, match="mask is empty"):
        EXTRACT(image=picture("RGB"), mask=Image.new("L", (37, 23)))
    with pytest.raises(ToolRefusal, match="transparent"):
        EXTRACT(image=Image.new("RGBA", (37, 23)), mask=Image.new("L", (37, 23), 255))


@pytest.mark.parametrize("mode", MODES)
def test_one_pixel_goes_through_everything(mode: str) -> None:
    image = picture(mode, (1, 1))
    results = [CROP(image=image, box=(0, 0, 1, 1)), FLIP(image=image), ROTATE(image=image, angle=90)]
    assert all(np.array_equal(np.asarray(result), np.asarray(image)) for result in results)
    assert ROTATE(image=image, angle=45).size == (2, 2)
