"""The lite enlarger: better than Lanczos, true to its input; the network better than back-projection; broken models."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite import enhancer
from canvasagent.backends.lite.sr import Backend, Config, version_of
from canvasagent.backends.profile import fingerprint
from canvasagent.errors import BackendFailure
from canvasagent.imaging.fonts import font_for
from canvasagent.sketch.draw import draw

ENLARGE = Backend(Config())
CLASSICAL = Backend(Config(network=False))
BOTH = pytest.mark.parametrize("enlarge", [ENLARGE, CLASSICAL], ids=["network", "back-projection"])


def psnr(one: Image.Image, other: Image.Image) -> float:
    error = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


@BOTH
@pytest.mark.parametrize(("name", "gain"), [("astronaut", 0.4), ("coffee", 0.15), ("chelsea", 0.1), ("camera", 0.2)])
@pytest.mark.parametrize("shrunk_by", [Image.Resampling.BOX, Image.Resampling.LANCZOS])
def test_more_like_the_original_than_lanczos(
    enlarge: Backend, name: str, gain: float, shrunk_by: Image.Resampling
) -> None:
    original = Image.fromarray(getattr(data, name)()).convert("RGB").crop((0, 0, 400, 296))
    small = original.resize((100, 74), shrunk_by)
    lanczos = small.resize(original.size, Image.Resampling.LANCZOS)
    # by box the back-projection knows the shrinking exactly; by Lanczos it does not, and must still gain
    needed = gain if shrunk_by is Image.Resampling.BOX else 0.04
    assert psnr(enlarge(image=small), original) > psnr(lanczos, original) + needed


@BOTH
def test_shrinking_again_gives_the_input_back(enlarge: Backend) -> None:
    small = Image.fromarray(data.astronaut()).resize((96, 96), Image.Resampling.BOX)
    again = enlarge(image=small).resize(small.size, Image.Resampling.BOX)
    assert psnr(again, small) > 40
    assert psnr(again, small) > psnr(small.resize((384, 384), Image.Resampling.LANCZOS).resize((96, 96), 4), small) + 4


@BOTH
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3)])
def test_tiny_pictures_of_every_mode(enlarge: Backend, mode: str, size: tuple[int, int]) -> None:
    colour: int | tuple[int, ...] = {"RGB": (200, 30, 90), "RGBA": (200, 30, 90, 128), "L": 77}[mode]  # type: ignore[assignment]
    result = enlarge(image=Image.new(mode, size, colour))
    assert result.mode == mode and result.size == (4 * size[0], 4 * size[1])
    assert np.abs(np.asarray(result, int) - np.asarray(colour)).max() <= 1


@BOTH
def test_alpha_is_enlarged_likewise_and_hidden_colours_do_not_bleed(enlarge: Backend) -> None:
    pixels = np.zeros((24, 24, 4), np.uint8)
    pixels[...] = (255, 0, 0, 0)  # red, but nobody sees it
    pixels[6:18, 6:18] = (0, 200, 0, 255)
    picture = Image.fromarray(pixels)
    before = picture.tobytes()
    result = np.asarray(enlarge(image=picture), int)
    assert picture.tobytes() == before
    assert (result[28:68, 28:68, 3] == 255).all() and (result[:16, :, 3] == 0).all()
    visible = result[result[..., 3] > 25]
    assert visible[:, 0].max() < 40 and visible[:, 1].min() > 150


@BOTH
def test_no_rings_round_a_hard_edge(enlarge: Backend) -> None:
    pixels = np.full((16, 32, 3), 60, np.uint8)
    pixels[:, 16:] = 190
    result = np.asarray(enlarge(image=Image.fromarray(pixels)), int)
    assert result.min() >= 60 - 25 and result.max() <= 190 + 25


def test_tiles_do_not_show_and_the_result_is_always_the_same() -> None:
    small = Image.fromarray(data.coffee()).resize((150, 100), Image.Resampling.BOX)
    at_once, in_tiles = Backend(Config(tile=512))(image=small), Backend(Config(tile=40))(image=small)
    assert np.abs(np.asarray(at_once, int) - np.asarray(in_tiles, int)).max() <= 1
    assert at_once.tobytes() == Backend(Config(tile=512))(image=small).tobytes()


def page() -> Image.Image:
    """Black and coloured text of two sizes on white."""
    picture = Image.new("RGB", (400, 240), "white")
    pen = ImageDraw.Draw(picture)
    pen.text((10, 10), "Grand opening", "black", font_for("a", 48, bold=True))
    pen.text((10, 90), "Monday to Friday, 8 to 17 h", (150, 20, 60), font_for("a", 26))
    pen.text((10, 150), "Crème brûlée 4,90", "black", font_for("a", 32))
    return picture


ORIGINALS = {
    "photograph": lambda: Image.fromarray(data.coffee()).crop((100, 0, 500, 400)),
    "text": page,
    "drawing": lambda: draw("a dog, a cat and a red car in a park", (400, 400), 3),
}


@pytest.mark.parametrize("kind", ORIGINALS)
@pytest.mark.parametrize("shrunk_by", [Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_the_network_is_nearer_to_the_original_than_back_projection(kind: str, shrunk_by: Image.Resampling) -> None:
    original = ORIGINALS[kind]()
    small = original.resize((original.width // 4, original.height // 4), shrunk_by)
    assert psnr(ENLARGE(image=small), original) > psnr(CLASSICAL(image=small), original) + 0.1


def test_the_network_leaves_transparency_to_back_projection() -> None:
    cutout = Image.fromarray(data.chelsea()).resize((60, 40)).convert("RGBA")
    alpha = Image.new("L", cutout.size, 0)
    ImageDraw.Draw(alpha).ellipse((8, 4, 50, 36), 255)
    cutout.putalpha(alpha)
    result = ENLARGE(image=cutout)
    assert result.getchannel("A").tobytes() == CLASSICAL(image=cutout).getchannel("A").tobytes()
    assert set(np.unique(np.asarray(CLASSICAL(image=alpha)))) >= {0, 255}


def test_grey_stays_grey() -> None:
    small = Image.fromarray(data.camera()).resize((64, 64))
    assert ENLARGE(image=small.convert("RGB")).tobytes() == ENLARGE(image=small).convert("RGB").tobytes()


def test_the_same_bytes_from_every_thread() -> None:
    small = Image.fromarray(data.astronaut()).resize((48, 40))
    fresh = Backend(Config())
    with ThreadPoolExecutor(4) as pool:
        results = {result.tobytes() for result in pool.map(lambda _: fresh(image=small), range(8))}
    assert results == {ENLARGE(image=small).tobytes()}


@pytest.mark.parametrize("size", [(41, 90), (97, 40), (120, 81)])
def test_tiles_of_any_size_give_the_same_picture(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    picture = Image.fromarray(noise)
    at_once = np.asarray(Backend(Config(tile=512))(image=picture), int)
    for tile in (32, 57):
        assert np.abs(at_once - np.asarray(Backend(Config(tile=tile))(image=picture), int)).max() <= 1


def test_keys_change_with_the_model(tmp_path: Path) -> None:
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    one.write_bytes(enhancer.FILE.read_bytes())
    other.write_bytes(enhancer.FILE.read_bytes() + b"\0")
    assert len({version_of(one), version_of(other), version_of(tmp_path / "missing.onnx")}) == 3
    assert version_of(one) == Backend.version and f"@{Backend.version}+" in fingerprint("lite/sr", {})


def test_without_the_model_as_by_back_projection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enhancer, "FILE", tmp_path / "missing.onnx")
    small = Image.fromarray(data.astronaut()).resize((40, 30))
    assert Backend(Config())(image=small).tobytes() == CLASSICAL(image=small).tobytes()


@pytest.mark.parametrize("content", [b"", b"not a model", enhancer.FILE.read_bytes()[:100_000]])
def test_a_broken_model_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "enhancer.onnx"
    broken.write_bytes(content)
    monkeypatch.setattr(enhancer, "FILE", broken)
    with pytest.raises(BackendFailure, match=r"enhancer\.onnx cannot be loaded.*network = false"):
        Backend(Config())(image=Image.new("RGB", (8, 8)))


def test_the_data_sheet_is_of_this_model() -> None:
    content = enhancer.FILE.read_bytes()
    sheet = (enhancer.FILE.parent / "README.md").read_text("utf-8")
    assert hashlib.sha256(content).hexdigest() in sheet and f"{len(content):,} bytes" in sheet
    assert len(content) < 2_000_000


def test_onnxruntime_is_imported_in_one_place_where_its_telemetry_is_off() -> None:
    source = Path(enhancer.__file__).parents[2]
    importing = re.compile(r"^\s*(?:import|from) onnxruntime\b", re.MULTILINE)
    found = [file.name for file in source.rglob("*.py") if importing.search(file.read_text("utf-8"))]
    assert found == ["onnx_session.py"]
