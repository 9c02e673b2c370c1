"""Overlayer of the lite profile: right place, right colours, text that can be read and never leaves the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import data

from canvasagent.backends.lite import overlayer
from canvasagent.errors import ToolRefusal
from canvasagent.imaging import fonts
from canvasagent.imaging.compositing import put_into_quad
from canvasagent.imaging.pictures import profile_of, with_profile
from canvasagent.imaging.typesetting import printable, set_text

OVERLAY = overlayer.Backend(overlayer.Config())
LONG = "The quick brown fox jumps over the lazy dog. "


def array(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture).astype(int)


def changed(base: Image.Image, result: Image.Image) -> tuple[int, int, int, int]:
    """The box of the pixels that differ."""
    ys, xs = np.nonzero(np.abs(array(base) - array(result)).sum(-1))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def disc(side: int, hidden: tuple[int, int, int] = (0, 255, 0)) -> Image.Image:
    """A red disc; something else hides under its transparent corners."""
    ys, xs = np.mgrid[:side, :side]
    inside = (xs - (side - 1) / 2) ** 2 + (ys - (side - 1) / 2) ** 2 < (side / 2) ** 2
    return Image.fromarray(np.where(inside[..., None], (255, 0, 0, 255), (*hidden, 0)).astype(np.uint8))


def test_an_object_keeps_its_size_and_is_centred() -> None:
    base = Image.new("RGB", (200, 100), "white")
    result = OVERLAY(base=base, content=Image.new("RGB", (40, 20), "blue"), center=(120, 50))
    assert changed(base, result) == (100, 40, 140, 60)
    assert result.getpixel((100, 40)) == result.getpixel((139, 59)) == (0, 0, 255)
    assert base.getpixel((120, 50)) == (255, 255, 255)


def test_an_object_that_is_too_large_is_scaled_to_fit_unless_a_scale_is_given() -> None:
    base = Image.new("RGB", (200, 100), "white")
    large = Image.new("RGB", (400, 400), "blue")
    assert changed(base, OVERLAY(base=base, content=large, center=(100, 50))) == (50, 0, 150, 100)
    assert changed(base, OVERLAY(base=base, content=large, center=(100, 50), scale=1)) == (0, 0, 200, 100)
    assert changed(base, OVERLAY(base=base, content=large, center=(100, 50), scale=0.1)) == (80, 30, 120, 70)


def test_the_visible_part_of_a_scaled_object_is_the_right_part() -> None:
    cat = Image.fromarray(data.chelsea())
    base = Image.new("RGB", (300, 300), "white")
    result = OVERLAY(base=base, content=cat, center=(0, 0), scale=2)
    whole = cat.resize((cat.width * 2, cat.height * 2), Image.Resampling.LANCZOS)
    expected = whole.crop((cat.width, cat.height, cat.width + 300, cat.height + 300))
    assert np.abs(array(result) - array(expected))[4:-4, 4:-4].mean() < 1


def test_a_huge_scale_costs_no_memory() -> None:
    base = Image.new("RGB", (100, 100), "white")
    result = OVERLAY(base=base, content=Image.new("RGB", (4000, 4000), "blue"), center=(50, 50), scale=50)
    assert result.getextrema() == ((0, 0), (0, 0), (255, 255))


def test_clipping_at_the_edge_is_fine_and_outside_is_refused() -> None:
    base = Image.new("RGB", (100, 100), "white")
    square = Image.new("RGB", (20, 20), "blue")
    assert changed(base, OVERLAY(base=base, content=square, center=(0, 95))) == (0, 85, 10, 100)
    with pytest.raises(ToolRefusal, match="wholly outside"):
        OVERLAY(base=base, content=square, center=(150, 50))


@pytest.mark.parametrize("scale", [None, 0.5, 1.7])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_object_has_no_fringe(scale: float | None, mode: str) -> None:
    base = Image.new(mode, (120, 120), "white")
    red, green, blue, *_ = np.moveaxis(array(OVERLAY(base=base, content=disc(60), center=(60, 60), scale=scale)), -1, 0)
    assert red.min() >= 252 and np.abs(green - blue).max() <= 3


def test_half_transparent_over_half_transparent_follows_the_over_operator() -> None:
    base = Image.new("RGBA", (10, 10), (0, 0, 255, 128))
    result = OVERLAY(base=base, content=Image.new("RGBA", (10, 10), (255, 0, 0, 128)), center=(5, 5))
    alpha = 0.502 + 0.502 * 0.498
    red = 0.502 / alpha * 255
    assert np.allclose(result.getpixel((5, 5)), (red, 0, 255 - red, alpha * 255), atol=2)


def test_a_transparent_base_stays_transparent_beside_the_object() -> None:
    base = Image.new("RGBA", (50, 50))
    result = OVERLAY(base=base, content=disc(20), center=(10, 40))
    assert result.mode == "RGBA" and result.getpixel((40, 10))[3] == 0  # type: ignore[index]
    assert result.getpixel((10, 40)) == (255, 0, 0, 255)


def test_colours_are_converted_into_the_profile_of_the_base() -> None:
    swapped = swapped_profile()
    base = with_profile(Image.new("RGB", (60, 60), "white"), swapped)
    result = OVERLAY(base=base, content=Image.new("RGB", (10, 10), (255, 0, 0)), center=(30, 30))
    red, _, blue = result.getpixel((30, 30))  # type: ignore[misc]
    assert profile_of(result) == swapped and blue > 230 and red < 25
    written = array(OVERLAY(base=base, content="W", center=(30, 30), color="red", font_size=50))
    assert ((written[..., 2] > 230) & (written[..., 0] < 25)).any()


def swapped_profile() -> bytes:
    """sRGB with red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = (profile.index(name) + 4 for name in (b"rXYZ", b"bXYZ"))
    profile[red : red + 8], profile[blue : blue + 8] = profile[blue : blue + 8], profile[red : red + 8]
    return bytes(profile)


@given(st.floats(0, 200), st.floats(0, 120), st.integers(1, 300), st.sampled_from(["RGB", "RGBA"]))
@settings(max_examples=25)
def test_text_never_leaves_the_picture(x: float, y: float, length: int, mode: str) -> None:
    base = Image.new(mode, (200, 120), (120, 130, 140))
    result = OVERLAY(base=base, content=(LONG * 9)[:length], center=(x, y))
    left, top, right, bottom = changed(base, result)
    assert left >= 2 and top >= 2 and right <= 198 and bottom <= 118
    assert result.size == base.size and result.mode == mode


def test_text_is_centred_where_it_fits() -> None:
    base = Image.new("RGB", (400, 300), "white")
    left, top, right, bottom = changed(base, OVERLAY(base=base, content="SALE", center=(150, 200)))
    assert abs((left + right) / 2 - 150) <= 1 and abs((top + bottom) / 2 - 200) <= 1


@pytest.mark.parametrize(("shade", "expected"), [(0, 255), (60, 255), (255, 0), (230, 0)])
def test_text_without_a_colour_is_readable_on_its_place(shade: int, expected: int) -> None:
    base = Image.new("RGB", (300, 100), (shade, shade, shade))
    result = array(OVERLAY(base=base, content="WORD", center=(150, 50), font_size=60))
    assert (np.abs(result - expected).sum(-1) == 0).sum() > 200


@pytest.mark.parametrize("picture", ["astronaut", "chelsea", "coffee", "rocket", "brick"])
def test_text_on_a_photograph_has_contrast_to_what_surrounds_it(picture: str) -> None:
    base = Image.fromarray(getattr(data, picture)()).convert("RGB")
    result = array(OVERLAY(base=base, content="HELLO", center=(base.width / 2, base.height / 2)))
    before = array(base)
    letters, edges = ((result == shade).all(-1) & (before != shade).any(-1) for shade in (255, 0))
    assert letters.sum() > 300
    assert edges.sum() > 100 or before[letters].mean() < 110


def test_a_colour_is_honoured() -> None:
    base = Image.new("RGB", (300, 100), "white")
    result = array(OVERLAY(base=base, content="WORD", center=(150, 50), font_size=60, color="navy"))
    assert ((result == (0, 0, 128)).all(-1)).sum() > 200
    assert (result.reshape(-1, 3).min(0) == (0, 0, 128)).all()  # on white it needs no outline


def test_sizes_scale_and_lines() -> None:
    base = Image.new("RGB", (1000, 500), "white")

    def height(text: str, **options: Any) -> int:
        box = changed(base, OVERLAY(base=base, content=text, center=(500, 250), **options))
        return box[3] - box[1]

    assert height("H", font_size=200) == pytest.approx(146, abs=4)  # a capital is 0.73 of the letter size
    assert height("H", font_size=100, scale=2) == height("H", font_size=200)
    assert height("H\nH", font_size=100) > 2.4 * height("H", font_size=100)
    assert height("H\n\nH", font_size=100) > 1.4 * height("H\nH", font_size=100)


def test_too_large_a_size_shrinks() -> None:
    base = Image.new("RGB", (200, 100), "white")
    left, top, right, bottom = changed(base, OVERLAY(base=base, content="ENORMOUS", center=(100, 50), font_size=900))
    assert right - left > 150 and left >= 2 and right <= 198 and bottom <= 98 and top >= 2


def test_4000_characters_are_set_small_or_refused() -> None:
    text = (LONG * 100)[:4000]
    base = Image.new("RGB", (1024, 1024), "white")
    left, top, right, bottom = changed(base, OVERLAY(base=base, content=text, center=(512, 512)))
    assert left >= 20 and top >= 20 and right <= 1004 and bottom <= 1004
    assert right - left > 900 and bottom - top > 800  # as large as they can be
    assert OVERLAY(base=base.resize((512, 512)), content=text, center=(256, 256)).size == (512, 512)
    with pytest.raises(ToolRefusal, match=r"too long: its 4,000 characters do not fit .* letter size of 8 pixels"):
        OVERLAY(base=base.resize((256, 256)), content=text[:-1] + "x", center=(128, 128))


def test_no_word_is_lost_and_words_stay_whole_where_they_can() -> None:
    text = printable(LONG * 3)
    block = set_text(text, (300, 300), 30, 8)
    assert " ".join(block.lines) == text
    assert all(block.font.getlength(line) <= 300 for line in block.lines)
    broken = set_text("x" * 300, (200, 200), 30, 8)
    assert "".join(broken.lines) == "x" * 300
    assert set_text("unbreakable", (110, 40), 30, 8).lines == ("unbreakable",)


def test_text_that_cannot_be_drawn_is_refused() -> None:
    base = Image.new("RGB", (200, 100), "white")
    for text, told in (("\x00\x1b\u200b", "no visible"), (" \n ", "no visible"), ("eye \U00013080", "Hieroglyphs")):
        with pytest.raises(ToolRefusal, match=told):
            OVERLAY(base=base, content=text, center=(100, 50))


def test_control_characters_leave_no_trace() -> None:
    base = Image.new("RGB", (200, 100), "white")
    plain, dirty = (OVERLAY(base=base, content=text, center=(100, 50)) for text in ("ab", "a\x07\x1bb\u202e"))
    assert plain.tobytes() == dirty.tobytes()


@pytest.mark.skipif(not fonts.can_shape(), reason="no raqm with fribidi here")
def test_right_to_left_text_is_drawn() -> None:
    base = Image.new("RGB", (300, 100), "white")
    assert changed(base, OVERLAY(base=base, content="مرحبا שלום", center=(150, 50)))[2] > 160


QUAD = ((40.0, 30.0), (160.0, 50.0), (150.0, 110.0), (50.0, 90.0))


def test_an_object_fills_the_quad_with_its_corners_in_order() -> None:
    colours = ("red", "lime", "blue", "yellow")
    content = Image.new("RGB", (80, 80))
    for colour, place in zip(colours, ((0, 0), (40, 0), (40, 40), (0, 40)), strict=True):
        content.paste(colour, (*place, place[0] + 40, place[1] + 40))
    base = Image.new("RGB", (200, 140), "black")
    result = OVERLAY(base=base, content=content, center=(0, 0), quad=QUAD)
    middle = np.mean(QUAD, axis=0)
    for corner, colour in zip(QUAD, colours, strict=True):
        x, y = np.array(corner) * 0.8 + middle * 0.2
        assert result.getpixel((int(x), int(y))) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    left, top, right, bottom = changed(base, result)
    assert (left, top, right, bottom) == pytest.approx((40, 30, 160, 110), abs=1)


def test_an_upright_quad_of_the_same_size_copies_the_picture_in_place() -> None:
    cat = Image.fromarray(data.chelsea())
    base = Image.new("RGB", (600, 400), "white")
    x, y = cat.size
    result = OVERLAY(
        base=base, content=cat, center=(0, 0), quad=((20, 30), (20 + x, 30), (20 + x, 30 + y), (20, 30 + y))
    )
    error = np.abs(array(result.crop((20, 30, 20 + x, 30 + y))) - array(cat))
    assert error.mean() < 1.5
    assert changed(base, result) == (20, 30, 20 + x, 30 + y)


def test_edges_of_a_quad_are_smooth_and_without_fringe() -> None:
    base = Image.new("RGB", (200, 140), "white")
    result = array(OVERLAY(base=base, content=disc(300), center=(0, 0), quad=QUAD))
    assert result[..., 0].min() >= 252 and np.abs(result[..., 1] - result[..., 2]).max() <= 3
    full = array(OVERLAY(base=base, content=Image.new("RGB", (9, 9)), center=(0, 0), quad=QUAD))[..., 0]
    assert len(np.unique(full)) > 20  # from black to white in steps: no stairs
    area = (255 - full).sum() / 255
    xs, ys = np.array(QUAD).T
    assert area == pytest.approx(abs(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1))) / 2, rel=0.01)


def test_shrinking_into_a_quad_averages() -> None:
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    base = Image.new("RGB", (100, 100), "red")
    inner = array(
        OVERLAY(
            base=base, content=Image.fromarray(stripes), center=(0, 0), quad=((20, 20), (80, 20), (80, 80), (20, 80))
        )
    )[25:75, 25:75]
    assert np.abs(inner - 127).max() < 12


def test_text_in_a_quad_stays_in_it_and_is_as_large_as_it_can_be() -> None:
    base = Image.new("RGB", (200, 140), "white")
    left, top, right, bottom = changed(base, OVERLAY(base=base, content="OPEN", center=(0, 0), quad=QUAD))
    assert left >= 39 and right <= 161 and top >= 29 and bottom <= 111
    assert right - left > 90
    small = changed(base, OVERLAY(base=base, content="OPEN", center=(0, 0), quad=QUAD, font_size=12))
    assert small[2] - small[0] < 50


def test_a_quad_without_area_is_refused() -> None:
    base = Image.new("RGB", (200, 140), "white")
    flat = ((10.0, 10.0), (20.0, 10.1), (30.0, 10.2), (20.0, 10.15))
    with pytest.raises(ToolRefusal, match="larger quad"):
        put_into_quad(base, disc(10), flat)


def test_the_same_call_gives_the_same_bytes() -> None:
    base = Image.fromarray(data.coffee())
    calls: list[dict[str, Any]] = [
        {"content": "Grüße"},
        {"content": disc(50), "quad": QUAD},
        {"content": "x", "quad": QUAD},
    ]
    for call in calls:
        assert len({OVERLAY(base=base, center=(99, 99), **call).tobytes() for _ in range(2)}) == 1


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (3, 500)])
def test_tiny_pictures_take_objects_and_refuse_text_in_words(size: tuple[int, int]) -> None:
    base = Image.new("RGB", size, "white")
    assert OVERLAY(base=base, content=disc(20), center=(size[0] / 2, size[1] / 2)).size == size
    with pytest.raises(ToolRefusal, match="do not fit"):
        OVERLAY(base=base, content="Hello", center=(0, 0))
