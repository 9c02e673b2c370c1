"""The lite ImageEdit with another picture: it takes its colours over, and refuses all else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from canvasagent.backends.lite.image_edit import Backend, Config
from canvasagent.errors import ToolRefusal
from helpers import photo

EDIT = Backend(Config())
ASKED = "give it the colours of the second picture"


def lab(picture: Image.Image) -> np.ndarray:
    return cv2.cvtColor(np.asarray(picture.convert("RGB"), np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)


@pytest.mark.parametrize(("name", "other"), [("chelsea", "coffee"), ("rocket", "chelsea"), ("coffee", "rocket")])
def test_mean_and_spread_of_the_colours_become_the_others(name: str, other: str) -> None:
    picture, given = photo(name, 160), photo(other, 120)
    made = EDIT(image=picture, prompt=ASKED, references=[given])
    assert made.size == picture.size and made.mode == "RGB"
    before, after = (np.abs(lab(each).mean(axis=0) - lab(given).mean(axis=0)).max() for each in (picture, made))
    assert after < 0.35 * before and after < 5  # what leaves the range of RGB is lost
    assert np.corrcoef(lab(made)[:, 0], lab(picture)[:, 0])[0, 1] > 0.95, "it shows what it showed"
    assert EDIT(image=picture, prompt=ASKED, references=[given], seed=5).tobytes() == made.tobytes()


def test_a_grey_picture_makes_grey_and_its_own_colours_change_nothing() -> None:
    picture = photo(size=120)
    grey = EDIT(image=picture, prompt=ASKED, references=[photo("camera", 90)])
    assert np.ptp(np.asarray(grey).astype(int), axis=2).mean() < 0.1 * np.ptp(np.asarray(picture), axis=2).mean()
    same = EDIT(image=picture, prompt=ASKED, references=[picture])
    assert np.abs(np.asarray(same).astype(int) - np.asarray(picture)).max() <= 1


def test_a_mask_is_exact_and_transparency_stays() -> None:
    picture, mask = photo(size=120), Image.new("L", (120, 120))
    mask.paste(255, (20, 30, 80, 90))
    inside = np.asarray(mask) > 0
    made = EDIT(image=picture, prompt=ASKED, mask=mask, references=[photo("rocket", 90)])
    assert (np.asarray(made)[~inside] == np.asarray(picture)[~inside]).all()
    assert (np.asarray(made)[inside] != np.asarray(picture)[inside]).any(axis=-1).mean() > 0.9
    cutout = picture.convert("RGBA")
    cutout.putalpha(mask)
    made = EDIT(image=cutout, prompt=ASKED, references=[photo("rocket", 90)])
    assert made.mode == "RGBA" and made.getchannel("A").tobytes() == mask.tobytes()


def test_what_cannot_be_seen_of_a_cutout_does_not_count() -> None:
    picture, mask = photo(size=100), Image.new("L", (100, 100))
    mask.paste(255, (10, 10, 60, 60))
    hidden = [Image.composite(photo("coffee", 150).crop((0, 0, 100, 100)), Image.new("RGB", (100, 100), colour), mask)
              for colour in ("lime", "navy")]  # fmt: skip
    for each in hidden:
        each.putalpha(mask)
    first, second = (EDIT(image=picture, prompt=ASKED, references=[each]) for each in hidden)
    assert first.tobytes() == second.tobytes()
    hidden[0].putalpha(0)
    with pytest.raises(ToolRefusal, match="transparent throughout"):
        EDIT(image=picture, prompt=ASKED, references=hidden[:1])


@pytest.mark.parametrize(
    "prompt",
    [
        "Give it the colors of the second picture.",
        "please give this photo the colour palette of the second image",
        "match the colours of the reference",
        "match its colours to those of the other picture",
        "Apply the colour grading of the second photo to this one",
        "take over the palette of the 2nd picture",
        "make its colours match the second picture",
        "make the colours of the picture like those in the second picture!",
    ],
)
def test_wordings_that_ask_for_it(prompt: str) -> None:
    picture, given = photo(size=40), photo("coffee", 40)
    wanted = EDIT(image=picture, prompt=ASKED, references=[given])
    assert EDIT(image=picture, prompt=prompt, references=[given]).tobytes() == wanted.tobytes()
    with pytest.raises(ToolRefusal, match="not understood"):
        EDIT(image=picture, prompt=prompt)  # as ever


@pytest.mark.parametrize(
    "prompt",
    [
        "make it warmer",
        "put the cup of the second picture on the table",
        "give it the colours of the second picture and make it brighter",
        "give it the colours of the third picture",
        "don't give it the colours of the second picture",
        "give the dog the colours of the second picture",
        "give it the style of the second picture",
    ],
)
def test_all_else_is_refused_in_words_that_help(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match=r"colours of the second picture'; nothing was changed.*Extract.*Overlayer"):
        EDIT(image=photo(size=40), prompt=prompt, references=[photo("coffee", 40)])


def test_one_other_picture_at_most_and_no_empty_mask() -> None:
    picture = photo(size=40)
    with pytest.raises(ToolRefusal, match="of one other picture, not of 2"):
        EDIT(image=picture, prompt=ASKED, references=[picture, picture])
    with pytest.raises(ToolRefusal, match="the mask is empty"):
        EDIT(image=picture, prompt=ASKED, mask=Image.new("L", (40, 40)), references=[picture])
