"""Signs are boards with text on them: found and cut out as a whole, in any colour, tilted or not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from canvasagent.backends.lite import grounding, sam
from canvasagent.backends.lite.boards import board_in, board_mask, mask_box
from canvasagent.imaging.fonts import font_for

FIND = grounding.Backend(grounding.Config())
CUT = sam.Backend(sam.Config())
BOX = (110, 60, 390, 150)


def wall() -> Image.Image:
    return Image.fromarray(data.brick()).convert("RGB").resize((500, 400))


def sign(text: str = "BAKERY", color: str = "#185c3e", ink: str = "#f8f0d6", tilt: int = 0) -> Image.Image:
    board = Image.new("RGBA", (280, 90), color)
    ImageDraw.Draw(board).text((140, 45), text, font=font_for(text, 54, bold=True), fill=ink, anchor="mm")
    turned = board.rotate(tilt, expand=True, resample=Image.Resampling.BICUBIC)
    picture = wall()
    picture.paste(turned, (250 - turned.width // 2, 105 - turned.height // 2), turned)
    return picture


@pytest.mark.parametrize(("color", "ink"), [("#185c3e", "#f8f0d6"), ("#f4f4f0", "#202020"), ("#8c1f1f", "#ffdd55")])
def test_the_sign_is_the_board_and_the_text_is_the_text(color: str, ink: str) -> None:
    picture = sign(color=color, ink=ink)
    (board,) = FIND(image=picture, phrase="the sign that says 'BAKERY'")
    assert np.abs(np.array(board.box) - BOX).max() <= 3
    (text,) = FIND(image=picture, phrase="the text")
    assert text.box[0] > BOX[0] + 4 and text.box[3] < BOX[3] - 5
    mask = np.asarray(CUT(image=picture, box=board.box)) > 0
    wanted = np.zeros_like(mask)
    wanted[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.97, "letters and ground of a board belong together"


def test_a_board_has_a_colour() -> None:
    assert len(FIND(image=sign(), phrase="the green sign")) == 1
    assert FIND(image=sign(), phrase="the red sign") == []


def test_a_tilted_board_is_cut_along_its_edges() -> None:
    picture = sign(tilt=9)
    (board,) = FIND(image=picture, phrase="the board")
    mask = np.asarray(CUT(image=picture, box=board.box)) > 0
    assert 0.93 < mask.sum() / (280 * 90) < 1.05
    assert mask.sum() < 0.9 * (board.box[2] - board.box[0]) * (board.box[3] - board.box[1])


def test_text_on_no_board_keeps_its_own_box() -> None:
    picture = wall()
    ImageDraw.Draw(picture).text((250, 105), "BAKERY", font=font_for("BAKERY", 60, bold=True), fill="#fff", anchor="mm")
    (found,) = FIND(image=picture, phrase="the sign")
    assert found.box[3] - found.box[1] < 80
    page = np.asarray(Image.new("RGB", (200, 100), "white"))
    assert board_mask(page, (40, 40, 160, 60)) is None, "a page that fills the picture is no board"
    assert board_mask(page, (40, 40, 41, 41)) is None


def test_what_fills_a_box_only_in_part_is_no_board_in_it() -> None:
    pixels = np.asarray(sign())
    assert board_in(pixels, BOX) is not None
    assert board_in(pixels, (60, 20, 460, 240)) is None
    mask = board_mask(pixels, (160, 85, 340, 125))
    assert mask is not None and np.abs(np.array(mask_box(mask)) - BOX).max() <= 2
