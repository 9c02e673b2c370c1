"""The lite ImageEdit where it changes the size of a picture: other dimensions, borders, padding, pictures joined."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import data

from canvasagent import ToolBox
from canvasagent.backends.lite.edits import all_edits, understands
from canvasagent.backends.lite.image_edit import REASONS, Backend, Config
from canvasagent.backends.profile import load_profile
from canvasagent.canvas import Canvas
from canvasagent.errors import ToolRefusal
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.imaging.pictures import profile_of, with_profile
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import check_call

EDIT = Backend(Config())
CUP = Image.fromarray(data.coffee()).resize((400, 300))
CAT = Image.fromarray(data.chelsea()).resize((300, 200))
RED, BLACK, WHITE, GOLD = (255, 0, 0), (0, 0, 0), (255, 255, 255), (255, 215, 0)


def edit(prompt: str, *pictures: Image.Image, mask: Image.Image | None = None) -> Image.Image:
    first, *others = pictures or (CUP,)
    return EDIT(image=first, prompt=prompt, mask=mask, references=others)


def where(outer: Image.Image, inner: Image.Image, corner: tuple[int, int]) -> bool:
    """Whether `inner` is in `outer`, to the pixel, its top left at `corner`."""
    left, top = corner
    return outer.crop((left, top, left + inner.width, top + inner.height)).tobytes() == inner.tobytes()


# ── other dimensions ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("prompt", "size"),
    [
        ("resize it to 800x600", (800, 600)),
        ("Resize this photo to 320×200 px, please.", (320, 200)),
        ("resize to 100 by 100", (100, 100)),
        ("change the resolution of the picture to 100x50", (100, 50)),
        ("make it 800 pixels wide", (800, 600)),
        ("make it 800 pixels wide and 500 pixels high", (800, 500)),
        ("resize it to a height of 150 px while keeping the aspect ratio", (200, 150)),
        ("resize it to 800x400, keeping the aspect ratio", (533, 400)),
        ("resize it to fit within 200 x 200", (200, 150)),
        ("make it half as wide but keep the height", (200, 300)),
        ("make it twice as tall without changing the width", (400, 600)),
        ("make it half as wide", (200, 150)),
        ("double the width", (800, 300)),
        ("scale it down to 50 %", (200, 150)),
        ("scale it by 0.5", (200, 150)),
        ("shrink it by half", (200, 150)),
        ("shrink the picture by 30 %", (280, 210)),
        ("reduce its size by 25%", (300, 225)),
        ("enlarge it by 50 %", (600, 450)),
        ("enlarge the image by a factor of 2", (800, 600)),
        ("scale it down by a factor of 4", (100, 75)),
        ("make the picture 50% smaller", (200, 150)),
        ("make it 20 % larger", (480, 360)),
        ("double its size", (800, 600)),
        ("resize it so that the longest side is 1024 px", (1024, 768)),
        ("make the shortest side 60 pixels", (80, 60)),
    ],
)
def test_dimensions_are_those_that_were_asked_for(prompt: str, size: tuple[int, int]) -> None:
    made = edit(prompt)
    assert made.size == size
    close = np.asarray(made.resize((40, 30), Image.Resampling.BOX)).astype(int)
    assert np.abs(close - np.asarray(CUP.resize((40, 30), Image.Resampling.BOX))).mean() < 6


def test_resizing_keeps_transparency_without_a_fringe() -> None:
    cutout = Image.new("RGBA", (40, 40), (0, 255, 0, 0))
    cutout.paste((255, 0, 0, 255), (10, 10, 30, 30))
    made = np.asarray(edit("resize it to 90x70", cutout))
    assert made.shape == (70, 90, 4) and made[0, 0, 3] == 0 and tuple(made[35, 45]) == (255, 0, 0, 255)
    seen = made[made[..., 3] > 8]
    assert seen[:, 0].min() > 240 and seen[:, 1].max() < 15


@pytest.mark.parametrize("prompt", ["make it 0 pixels wide", "shrink it by 100 %", "resize it to 99999x99999",
                                    "pad it to 0:4", "pad it to 99999x99999"])  # fmt: skip
def test_sizes_that_cannot_be_are_refused_in_words(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match=r"ask for a larger size|Ask for a smaller size|two numbers above 0"):
        edit(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["resize the dog to 100x100", "put a red frame around the dog", "frame it with a wooden frame", "make it square",
     "resize it to 800x600 and frobnicate it", "add a red blue border"],
)  # fmt: skip
def test_what_is_not_understood_in_full_is_refused(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match="not understood"):
        edit(prompt)


@pytest.mark.parametrize(
    ("prompt", "wording"),
    [
        ("resize to 200 pixels", "resize it to 800x600"),
        ("make it a bit smaller in size", "resize it to 800x600"),
        ("make it square", "pad it to a square with black"),
        ("put a red frame around the dog", "put a thin red frame around it"),
    ],
)
def test_the_refusal_names_a_wording_that_works(prompt: str, wording: str) -> None:
    with pytest.raises(ToolRefusal, match=wording):
        edit(prompt)


def test_every_wording_that_a_refusal_names_works() -> None:
    named = {words for _, why in REASONS for words in re.findall(r"'([^']+)'", why)}
    assert len(named) >= 9
    assert [words for words in sorted(named) if not understands(words).ok] == []


@pytest.mark.parametrize("prompt", ["resize it to 800x600", "add a white border", "pad it to a square"])
def test_a_mask_cannot_bound_a_size(prompt: str) -> None:
    with pytest.raises(ToolRefusal, match="a mask cannot bound; leave the mask out"):
        edit(prompt, mask=Image.new("L", CUP.size, 255))


def test_what_must_stay_contradicts_resampling_and_not_a_border() -> None:
    with pytest.raises(ToolRefusal, match="cannot be kept to"):
        edit("resize it to 800x600, but keep the left half as it is")
    made = edit("add a 10 px border, but keep the left half as it is")
    assert where(made, CUP, (10, 10))


# ── borders and padding ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("prompt", "width", "color"),
    [
        ("add a 20 pixel white border", 20, WHITE),
        ("add a 20-pixel-wide white border", 20, WHITE),
        ("add a black border, 5 % wide", 15, BLACK),
        ("add a border of 10 pixels in dark blue", 10, (0, 0, 139)),
        ("add a white border with a width of 30 px", 30, WHITE),
        ("put a thin red frame around it", 4, RED),
        ("surround it with a thick black border", 18, BLACK),
        ("give the picture a #ff0000 border", 9, RED),
        ("frame it in gold", 9, GOLD),
        ("frame it", 9, BLACK),
        ("add a border", 9, WHITE),
    ],
)
def test_a_border_has_its_width_and_color_and_the_picture_stays(
    prompt: str, width: int, color: tuple[int, int, int]
) -> None:
    made = edit(prompt)
    assert made.size == (400 + 2 * width, 300 + 2 * width) and where(made, CUP, (width, width))
    ring = np.asarray(made).copy()
    ring[width:-width, width:-width] = color
    assert (ring == color).all()


@pytest.mark.parametrize("prompt", ["the frame", "a space", "no space left", "add a room", "add a frame on the wall",
                                    "put the dog in a frame", "in a room"])  # fmt: skip
def test_other_uses_of_the_words_are_no_borders(prompt: str) -> None:
    assert all(all_edits()[step.edit].size is None for step in understands(prompt).steps)


@pytest.mark.parametrize("prompt", ["draw a 10 px red border inside the picture",
                                    "add a 10 pixel red border without changing the size"])  # fmt: skip
def test_a_border_inside_keeps_the_size(prompt: str) -> None:
    made = edit(prompt)
    assert made.size == CUP.size and (np.asarray(made)[:10] == RED).all() and (np.asarray(made)[:, -10:] == RED).all()
    assert where(made.crop((10, 10, 390, 290)), CUP.crop((10, 10, 390, 290)), (0, 0))


@pytest.mark.parametrize(
    ("prompt", "size", "corner", "color"),
    [
        ("pad it to a square with black", (400, 400), (0, 50), BLACK),
        ("pad the picture to 16:9", (533, 300), (66, 0), WHITE),
        ("make it square by adding gold bars", (400, 400), (0, 50), GOLD),
        ("make it square without cropping", (400, 400), (0, 50), WHITE),
        ("pad it to 500x500 with red", (500, 500), (50, 100), RED),
        ("letterbox it to 1:1", (400, 400), (0, 50), WHITE),
        ("letterbox it", (400, 372), (0, 36), BLACK),
        ("add black bars on the sides", (472, 300), (36, 0), BLACK),
        ("add black bars at the top and bottom", (400, 372), (0, 36), BLACK),
        ("add black bars to make it 16:9", (533, 300), (66, 0), BLACK),
        ("pad it by 50 px of red on each side", (500, 400), (50, 50), RED),
        ("add 50 pixels of white space at the bottom", (400, 350), (0, 0), WHITE),
        ("extend the canvas by 100 pixels on the right with red", (500, 300), (0, 0), RED),
        ("extend the canvas to the left by 100 pixels", (500, 300), (100, 0), WHITE),
        ("add padding", (430, 330), (15, 15), WHITE),
    ],
)
def test_padding_is_where_it_shall_be(
    prompt: str, size: tuple[int, int], corner: tuple[int, int], color: tuple[int, int, int]
) -> None:
    made = edit(prompt)
    assert made.size == size and where(made, CUP, corner)
    rest = np.asarray(made).copy()
    rest[corner[1] : corner[1] + 300, corner[0] : corner[0] + 400] = color
    assert (rest == color).all()


def test_padding_of_a_cutout_is_transparent_unless_a_color_is_named() -> None:
    cutout = Image.new("RGBA", (40, 40))
    cutout.paste((255, 0, 0, 255), (10, 10, 30, 30))
    assert edit("pad it to 2:1", cutout).getpixel((2, 20)) == (0, 0, 0, 0)
    assert edit("pad it to 2:1 with white", cutout).getpixel((2, 20)) == (255, 255, 255, 255)
    assert edit("pad it to 2:1 with a transparent background", CUP).getpixel((2, 20)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("pad it to 4:3", "has that shape already"),
        ("pad it to 200x100", "padding only adds to it"),
        ("add white bars on the sides to make it square", "needs room at top and bottom"),
    ],
)
def test_padding_that_cannot_be_is_refused(prompt: str, words: str) -> None:
    with pytest.raises(ToolRefusal, match=words):
        edit(prompt)


def test_steps_run_in_order() -> None:
    made = edit("add a 10 px white border, then make it black and white, and add a 10 px red frame")
    assert made.size == (440, 340) and made.getpixel((5, 5)) == RED and made.getpixel((15, 15)) == WHITE
    inner = np.asarray(made.crop((20, 20, 420, 320)))
    assert (inner[..., 0] == inner[..., 1]).all()


def test_emboss_is_a_relief_lit_from_the_top_left() -> None:
    square = Image.new("RGB", (100, 100), BLACK)
    square.paste(WHITE, (30, 30, 70, 70))
    made = np.asarray(edit("emboss it", square)).astype(int)
    assert (made[..., 0] == made[..., 2]).all() and made[5, 5, 0] == made[50, 50, 0] == 128
    assert made[29:32, 50, 0].min() < 60 and made[69:72, 50, 0].max() > 200


# ── pictures joined ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prompt", [
    "put them side by side", "Place the two pictures next to each other, please.", "put the second picture next to it",
    "arrange both photos in a row", "join the images horizontally", "put it and the second picture side by side",
])  # fmt: skip
def test_side_by_side(prompt: str) -> None:
    made = edit(prompt, CUP, CAT)
    assert made.size == (850, 300) and where(made, CUP, (0, 0))
    assert where(made, CAT.resize((450, 300), Image.Resampling.LANCZOS, reducing_gap=3.0), (400, 0))


def test_above_each_other_reversed_with_a_gap_and_as_a_collage() -> None:
    same = CAT.resize((400, 300))
    assert where(edit("stack them", CUP, same), same, (0, 300))
    assert where(edit("put the second picture above it", CUP, same), CUP, (0, 300))
    left = edit("put the second picture to the left of the first with a 20 px red gap between them", CUP, same)
    assert left.size == (820, 300) and left.getpixel((410, 5)) == RED and where(left, CUP, (420, 0))
    three = edit("make a collage of them", CUP, same, same)
    assert three.size == (400, 450) and where(three, CUP, (0, 0))
    assert edit("make a collage", CUP, same, same, same).size == (400, 300)


def test_joining_keeps_profile_and_transparency() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = edit("side by side", with_profile(CUP.copy(), profile), CAT)
    assert made.mode == "RGB" and profile_of(made) == profile
    cutout = Image.new("RGBA", (30, 30))
    assert edit("side by side", CUP, cutout).getpixel((500, 10)) == (0, 0, 0, 0)
    assert edit("side by side", cutout, CUP).mode == "RGBA"


@pytest.mark.parametrize(
    ("prompt", "words"), [("put the three pictures side by side", "speaks of 3 pictures, but 2 were given"),
                          ("merge them", "two things only")],
)  # fmt: skip
def test_joining_that_is_not_understood_is_refused(prompt: str, words: str) -> None:
    with pytest.raises(ToolRefusal, match=words):
        edit(prompt, CUP, CAT)
    with pytest.raises(ToolRefusal, match="leave the mask out"):
        edit("side by side", CUP, CAT, mask=Image.new("L", CUP.size, 255))


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────


def executed(box: ToolBox, prompt: str, *others: Image.Image) -> Execution:
    drawn = Canvas()
    for one in (CUP, *others):
        drawn.add_input(one)
    raw: dict[str, Any] = {"image": "img_1", "edit_prompt": prompt, "references": drawn.imglist[1:]}
    checked = check_call(box.tools["ImageEdit"], raw, canvas_info(drawn), drawn.inputs)
    assert not checked.faults
    return asyncio.run(box.call(checked, {slot: drawn[name] for slot, name in checked.assets.items()}))


@pytest.mark.parametrize("isolate", [False, True])
def test_the_pixel_limit_holds_before_anything_runs(isolate: bool) -> None:
    profile = load_profile("lite").model_copy(update={"isolate": ["ImageEdit"] if isolate else []})
    with ToolBox(profile, max_pixels=200_000) as box:
        for prompt, others in (("resize it to 800x600", ()), ("enlarge it by 900 % and shrink it by 90 %", ()),
                               ("put them side by side", (CAT,)), ("pad it to 9:1", ())):  # fmt: skip
            fault = executed(box, prompt, *others).fault
            assert fault is not None and fault.stage is Stage.EXECUTION
            assert "pixels; the limit is 200,000" in fault.message
        done = executed(box, "add a 10 px border")
        assert done.outcome is not None and done.outcome.picture is not None
        assert done.outcome.picture.size == (420, 320) and done.outcome.text.endswith("Output size: (420, 320)")
        same = executed(box, "make it warmer")
        assert same.outcome is not None and "size" not in same.outcome.text


def test_a_backend_that_foretells_no_size_must_keep_it() -> None:
    lite = load_profile("lite")
    profile = lite.model_copy(update={"backends": {**lite.backends, "ImageEdit": "backends_for_tests:Doubling"}})
    with ToolBox(profile) as box:
        fault = executed(box, "make it warmer").fault
    assert fault is not None and "gave (800, 600), not (400, 300)" in fault.message


_SCRAPS = (
    "resize make pad add border frame it the picture to by 800 x 600 20 px 50 % white black thin a with of and , half "
    "as wide but keep height square 16:9 bars left right without"
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(_SCRAPS.split()), max_size=9).map(" ".join), st.sampled_from([(1, 1), (1, 40), (33, 17)])
)
def test_sizes_are_foretold_or_refused(prompt: str, size: tuple[int, int]) -> None:
    plan, picture = understands(prompt), CUP.resize(size)
    if not plan.ok:
        return
    foretold = size
    try:
        made = edit(prompt, picture)
        for step in plan.steps:
            if (sized := all_edits()[step.edit].size) is not None:
                foretold = sized(foretold, step.values)
    except ToolRefusal:
        return
    assert made.size == foretold
