"""The lite mask maker, measured against known outlines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data, filters, measure, segmentation

from canvasagent.backends.lite.sam import Backend, Config
from canvasagent.imaging.geometry import PixelBox

SEGMENT = Backend(Config())
FONT = (files("canvasagent") / "imaging" / "fonts_data" / "DejaVuSans.ttf").read_bytes()
Mask = np.ndarray[Any, Any]


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def masked(picture: Image.Image, box: PixelBox) -> Mask:
    before = picture.tobytes()
    mask = SEGMENT(image=picture, box=box)
    assert mask.mode == "L" and mask.size == picture.size and set(np.unique(np.asarray(mask))) <= {0, 255}
    assert picture.tobytes() == before
    return np.asarray(mask) > 0


@pytest.fixture(scope="module")
def coins() -> list[tuple[tuple[int, int, int, int], Mask]]:
    """The boxes and masks of the coins of scikit-image by watershed, as its documentation does it."""
    pixels = data.coins()
    markers = np.zeros_like(pixels, dtype=int)
    markers[pixels < 30], markers[pixels > 150] = 1, 2
    found = measure.label(segmentation.watershed(filters.sobel(pixels), markers) == 2)
    coins = [region for region in measure.regionprops(found) if region.area > 500]
    return [((r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]), _filled(found == r.label, r)) for r in coins]


def _filled(mask: Mask, region: Any) -> Mask:
    whole = mask.copy()
    top, left, bottom, right = region.bbox
    whole[top:bottom, left:right] |= region.image_filled
    return whole


def test_every_coin_of_the_photograph(coins: list[tuple[tuple[int, int, int, int], Mask]]) -> None:
    picture = Image.fromarray(data.coins()).convert("RGB")
    scores = [iou(masked(picture, box), truth) for box, truth in coins]
    assert len(scores) == 24
    assert np.mean(scores) > 0.97 and min(scores) > 0.9


def test_a_large_box_is_worked_on_small_and_still_follows_the_edge(
    coins: list[tuple[tuple[int, int, int, int], Mask]],
) -> None:
    box, truth = coins[0]
    around = (box[0] - 15, box[1] - 15, box[2] + 15, box[3] + 15)
    part = Image.fromarray(data.coins()).convert("RGB").crop(around)
    large = part.resize((part.width * 8, part.height * 8), Image.Resampling.BICUBIC)
    wanted = Image.fromarray(truth).crop(around).resize(large.size, Image.Resampling.NEAREST)
    inside = (15 * 8, 15 * 8, large.width - 15 * 8, large.height - 15 * 8)
    assert iou(masked(large, inside), np.asarray(wanted)) > 0.95


def drawn(shape: str, box: tuple[int, int, int, int]) -> tuple[Image.Image, Mask]:
    """A shape on a two-coloured ground, and its exact mask."""
    picture = Image.new("RGB", (200, 160), (150, 200, 240))
    truth = Image.new("1", picture.size)
    ImageDraw.Draw(picture).rectangle((0, 110, 200, 160), fill=(60, 140, 70))
    for canvas, ink in ((picture, (210, 40, 40)), (truth, 1)):
        pen = ImageDraw.Draw(canvas)
        if shape == "ring":
            pen.ellipse(box, outline=ink, width=12)
        else:
            getattr(pen, shape)(box, fill=ink)
    return picture, np.asarray(truth)


@pytest.mark.parametrize("shape", ["ellipse", "rectangle"])
@pytest.mark.parametrize("slack", [0, 1, 8])
def test_flat_shapes_are_cut_out_exactly(shape: str, slack: int) -> None:
    picture, truth = drawn(shape, (60, 40, 130, 129))
    assert iou(masked(picture, (60 - slack, 40 - slack, 131 + slack, 130 + slack)), truth) > 0.99


def test_the_hole_of_a_ring_is_no_part_of_it() -> None:
    picture, truth = drawn("ring", (60, 10, 130, 80))
    assert iou(masked(picture, (60, 10, 131, 81)), truth) > 0.97


def test_a_shaded_ground_is_told_from_the_shape_on_it() -> None:
    shade = np.tile(np.linspace(120, 220, 200).astype(np.uint8)[None, :, None], (160, 1, 3))
    picture = Image.fromarray(shade)
    ImageDraw.Draw(picture).ellipse((50, 40, 120, 110), fill="navy")
    truth = Image.new("1", picture.size)
    ImageDraw.Draw(truth).ellipse((50, 40, 120, 110), fill=1)
    assert iou(masked(picture, (50, 40, 121, 111)), np.asarray(truth)) > 0.98


@pytest.mark.parametrize("ground", ["gravel", "white"])
@pytest.mark.parametrize("text", ["SUMMER", "two lines\nof words"])
def test_letters_are_masked_not_the_block_round_them(ground: str, text: str) -> None:
    picture = (
        Image.new("RGB", (300, 140), "white") if ground == "white" else Image.fromarray(data.gravel()).convert("RGB")
    )
    picture = picture.crop((0, 0, 300, 140))
    truth = Image.new("L", picture.size)
    font = ImageFont.truetype(BytesIO(FONT), 40)
    for canvas, ink in ((picture, "blue" if ground == "white" else "yellow"), (truth, 255)):
        ImageDraw.Draw(canvas).multiline_text((30, 20), text, fill=ink, font=font)
    box = truth.getbbox()
    assert box is not None
    mask = masked(picture, (box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3))
    assert iou(mask, np.asarray(truth) > 127) > 0.7
    assert mask[np.asarray(truth) == 255].mean() > 0.95


def test_the_transparency_of_a_cutout_is_believed() -> None:
    picture = Image.fromarray(data.coffee()).crop((0, 0, 200, 200)).convert("RGBA")
    alpha = Image.new("L", picture.size)
    ImageDraw.Draw(alpha).ellipse((20, 20, 150, 170), fill=255)
    picture.putalpha(alpha)
    mask = masked(picture, (0, 0, 200, 200))
    assert (mask == (np.asarray(alpha) > 127)).all()
    half = masked(picture, (0, 0, 80, 200))
    assert half[:, :80].any() and not half[:, 90:].any()


@pytest.mark.parametrize("box", [(100, 60, 330, 240), (20.5, 10.2, 60.9, 90), (0, 0, 451, 300), (440, 290, 500, 400)])
def test_never_wider_than_the_box_and_a_small_margin(box: PixelBox) -> None:
    mask = masked(Image.fromarray(data.chelsea()), box)
    rows, columns = np.nonzero(mask)
    across, down = 0.02 * (box[2] - box[0]) + 2, 0.02 * (box[3] - box[1]) + 2
    assert columns.min() >= box[0] - across and columns.max() < box[2] + across
    assert rows.min() >= box[1] - down and rows.max() < box[3] + down


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 40)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pictures_of_hardly_any_pixels(mode: str, size: tuple[int, int]) -> None:
    masked(Image.new(mode, size, "red"), (0, 0, *size))


def test_the_same_mask_from_several_threads_and_again() -> None:
    picture = Image.fromarray(data.astronaut())
    boxes: list[PixelBox] = [(170, 60, 280, 200), (345, 0, 470, 290), (0, 0, 110, 240), (90, 0, 400, 500)]
    alone = [SEGMENT(image=picture, box=box).tobytes() for box in boxes]
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda box: SEGMENT(image=picture, box=box).tobytes(), boxes))
    assert again == alone
