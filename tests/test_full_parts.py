"""The parts of the full backends that need no framework: sizes, seams, phrases, doubles, tiles, PaddleOCR's pages."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from canvasagent.backends.base import Detection
from canvasagent.backends.full import paddle_ocr
from canvasagent.backends.full._sizes import padded, region_of, work_size
from canvasagent.backends.full.grounding import MAX_TOKENS, common_things, non_maximum_suppression, phrases_in
from canvasagent.backends.full.sr import tiled
from canvasagent.imaging.masks import blended, seam
from helpers import photo


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 8), (64, 64), (100, 37), (1024, 1024), (1000, 1000), (4096, 512), (512, 4096), (4096, 4096)]
)
@pytest.mark.parametrize("most", [1_048_576, 256 * 256, 64 * 64])
def test_the_working_size_is_one_that_the_model_takes(size: tuple[int, int], most: int) -> None:
    width, height = work_size(size, most)
    assert width % 16 == height % 16 == 0 and min(width, height) >= 64 and max(width, height) <= 8 * min(width, height)
    assert width * height <= max(most, 64 * 64 * 8)
    if most > 10**6 and min(size) >= 64:
        assert width / height == pytest.approx(size[0] / size[1], rel=0.2)


def test_the_working_size_of_a_usual_picture_is_its_own() -> None:
    assert work_size((1024, 1024), 1_048_576) == (1024, 1024) and work_size((768, 512), 1_048_576) == (768, 512)


@pytest.mark.parametrize("size", [(200, 10), (10, 200), (9, 1), (1, 9), (80, 10)])
def test_a_very_long_picture_is_continued_at_its_edges(size: tuple[int, int]) -> None:
    picture = photo(size=200).resize(size)
    grown, box = padded(picture)
    assert max(grown.size) <= 8 * min(grown.size) and grown.crop(box).tobytes() == picture.tobytes()


def test_of_a_large_picture_the_neighbourhood_of_the_mask_is_worked_on() -> None:
    mask = Image.new("L", (4000, 3000))
    mask.paste(255, (100, 100, 300, 200))
    box = region_of(mask, 512 * 512)
    assert box[0] == 0 and box[1] == 0 and box[2] >= 300 + 100 and box[3] >= 250
    assert (box[2] - box[0]) * (box[3] - box[1]) <= 512 * 512
    assert region_of(mask.resize((400, 300)), 512 * 512) == (0, 0, 400, 300)
    assert region_of(Image.new("L", (4000, 3000)), 100) == (0, 0, 4000, 3000)


def test_a_seam_rises_inside_of_the_mask_only() -> None:
    mask = Image.new("L", (100, 80))
    mask.paste(255, (20, 20, 100, 60))
    ramp, inside = np.asarray(seam(mask, 8)).astype(int), np.asarray(mask) > 0
    assert (ramp[~inside] == 0).all() and ramp[40, 40] == 255 and ramp[40, 99] == 255  # not at the picture's border
    row = ramp[40, 20:30]
    assert row[0] > 0 and (np.diff(row) >= 0).all() and (np.diff(row) <= 255 // 8 + 2).all()
    narrow = Image.new("L", (40, 40))
    narrow.paste(255, (10, 10, 13, 30))
    assert np.asarray(seam(narrow, 16)).max() == 255
    assert seam(mask, 0).tobytes() == mask.tobytes()
    assert np.asarray(seam(Image.new("L", (5, 5), 255), 9)).min() == 255


def test_blending_keeps_the_outside_to_the_bit_and_the_transparency() -> None:
    before = photo(size=64).convert("RGBA")
    before.putalpha(Image.linear_gradient("L").resize(before.size))
    mask = Image.new("L", before.size)
    mask.paste(255, (16, 16, 48, 48))
    after = blended(before, Image.new("RGB", before.size, "teal"), mask, 4)
    outside = np.asarray(mask) == 0
    assert (np.asarray(after)[outside] == np.asarray(before)[outside]).all()
    assert after.getchannel("A").tobytes() == before.getchannel("A").tobytes()
    assert after.getpixel((32, 32))[:3] == (0, 128, 128)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the red cup", ("the red cup",)),
        ("a cup, the  red\nchair; a dog.", ("a cup", "the red", "chair", "a dog")),
        ("black and white dog", ("black and white dog",)),
        ("cup. cup", ("cup",)),
        ("...", ()),
        ("猫, 犬", ("猫", "犬")),
    ],
)
def test_things_that_a_request_names(text: str, found: tuple[str, ...]) -> None:
    assert phrases_in(text) == found


def test_of_boxes_for_the_same_thing_the_best_is_kept() -> None:
    first, shifted = Detection("cup", (0, 0, 10, 10), 0.9), Detection("cup", (0, 0, 10, 9), 0.8)
    other, apart = Detection("dog", (0, 0, 10, 10), 0.7), Detection("cup", (20, 0, 30, 10), 0.6)
    assert non_maximum_suppression([first, shifted, other, apart], 0.7) == [first, other, apart]
    assert non_maximum_suppression([first, shifted], 0.95) == [first, shifted]


def enlarged(tiles: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return tiles.repeat(4, axis=1).repeat(4, axis=2)


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (64, 64), (129, 31), (200, 100)])
@pytest.mark.parametrize(("side", "overlap", "batch"), [(32, 16, 1), (32, 0, 1), (64, 8, 3), (500, 32, 2)])
def test_tiles_join_without_a_seam(size: tuple[int, int], side: int, overlap: int, batch: int) -> None:
    picture = np.asarray(photo(size=256).resize(size))
    seen: list[int] = []

    def run(tiles: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        assert len(tiles) <= batch and max(tiles.shape[1:3]) <= side + 2 * overlap
        seen.append(len(tiles))
        return enlarged(tiles)

    assert (tiled(picture, side, overlap, run, batch) == enlarged(picture[None])[0]).all()


def test_where_tiles_disagree_one_fades_into_the_other() -> None:
    """A network whose brightness depends on the tile would show seams; here they are ramps."""
    shades = iter([60, 120])

    def run(tiles: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.full_like(enlarged(tiles), next(shades))

    row = tiled(np.zeros((32, 64, 3), np.uint8), 32, 16, run)[64, :, 0].astype(int)
    assert row[0] == 60 and row[-1] == 120 and np.abs(np.diff(row)).max() <= 2


def test_lines_of_a_page_as_paddleocr_gives_it() -> None:
    corners = np.array([[1, 2], [30, 2], [30, 12], [1, 12]], np.int16)
    page = {"rec_texts": ["SALE", "", "dim"], "rec_scores": [0.99, 0.99, 0.2], "rec_polys": [corners] * 3}
    (line,) = paddle_ocr.lines_of(page, 0.5)
    assert (line.text, line.box) == ("SALE", (1.0, 2.0, 30.0, 12.0))


def test_everything_is_as_many_things_as_the_model_takes_at_once() -> None:
    """A word is one token or, where it is long, two; each thing is ended by a full stop."""
    things = common_things()
    words = [word for thing in things for word in thing.split()]
    tokens = sum(1 + (len(word) > 8) for word in words) + len(things) + 2
    assert len(things) == 80 and {"person", "traffic light", "cup"} <= set(things) and tokens < MAX_TOKENS
