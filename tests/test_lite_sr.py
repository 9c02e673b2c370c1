"""The lite enlarger: better than Lanczos, true to its input, and as small in memory as it says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from canvasagent.backends.lite.sr import Backend, Config

ENLARGE = Backend(Config())


def psnr(one: Image.Image, other: Image.Image) -> float:
    error = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


@pytest.mark.parametrize(("name", "gain"), [("astronaut", 0.4), ("coffee", 0.15), ("chelsea", 0.1), ("camera", 0.2)])
@pytest.mark.parametrize("shrunk_by", [Image.Resampling.BOX, Image.Resampling.LANCZOS])
def test_more_like_the_original_than_lanczos(name: str, gain: float, shrunk_by: Image.Resampling) -> None:
    original = Image.fromarray(getattr(data, name)()).convert("RGB").crop((0, 0, 400, 296))
    small = original.resize((100, 74), shrunk_by)
    lanczos = small.resize(original.size, Image.Resampling.LANCZOS)
    # by box the back-projection knows the shrinking exactly; by Lanczos it does not, and must still gain
    needed = gain if shrunk_by is Image.Resampling.BOX else 0.04
    assert psnr(ENLARGE(image=small), original) > psnr(lanczos, original) + needed


def test_shrinking_again_gives_the_input_back() -> None:
    small = Image.fromarray(data.astronaut()).resize((96, 96), Image.Resampling.BOX)
    again = ENLARGE(image=small).resize(small.size, Image.Resampling.BOX)
    assert psnr(again, small) > 40
    assert psnr(again, small) > psnr(small.resize((384, 384), Image.Resampling.LANCZOS).resize((96, 96), 4), small) + 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3)])
def test_tiny_pictures_of_every_mode(mode: str, size: tuple[int, int]) -> None:
    colour: int | tuple[int, ...] = {"RGB": (200, 30, 90), "RGBA": (200, 30, 90, 128), "L": 77}[mode]  # type: ignore[assignment]
    result = ENLARGE(image=Image.new(mode, size, colour))
    assert result.mode == mode and result.size == (4 * size[0], 4 * size[1])
    assert np.abs(np.asarray(result, int) - np.asarray(colour)).max() <= 1


def test_alpha_is_enlarged_likewise_and_hidden_colours_do_not_bleed() -> None:
    pixels = np.zeros((24, 24, 4), np.uint8)
    pixels[...] = (255, 0, 0, 0)  # red, but nobody sees it
    pixels[6:18, 6:18] = (0, 200, 0, 255)
    picture = Image.fromarray(pixels)
    before = picture.tobytes()
    result = np.asarray(ENLARGE(image=picture), int)
    assert picture.tobytes() == before
    assert (result[28:68, 28:68, 3] == 255).all() and (result[:16, :, 3] == 0).all()
    visible = result[result[..., 3] > 25]
    assert visible[:, 0].max() < 40 and visible[:, 1].min() > 150


def test_no_rings_round_a_hard_edge() -> None:
    pixels = np.full((16, 32, 3), 60, np.uint8)
    pixels[:, 16:] = 190
    result = np.asarray(ENLARGE(image=Image.fromarray(pixels)), int)
    assert result.min() >= 60 - 25 and result.max() <= 190 + 25


def test_tiles_do_not_show_and_the_result_is_always_the_same() -> None:
    small = Image.fromarray(data.coffee()).resize((150, 100), Image.Resampling.BOX)
    at_once, in_tiles = Backend(Config(tile=512))(image=small), Backend(Config(tile=40))(image=small)
    assert np.abs(np.asarray(at_once, int) - np.asarray(in_tiles, int)).max() <= 1
    assert at_once.tobytes() == Backend(Config(tile=512))(image=small).tobytes()
