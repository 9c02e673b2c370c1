"""Opacity, rotation, background and outline of Overlayer: what they do; calls without them are what they were."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from canvasagent import ToolBox
from canvasagent.backends.lite import ocr, overlayer
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.errors import ToolRefusal
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.imaging.turning import put_turned, turned_size
from canvasagent.testing.samples import canvas
from canvasagent.tools import find_tool
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import Checked, check_call

OVERLAY = overlayer.Backend(overlayer.Config())
GREY = Image.new("RGB", (240, 160), (128, 128, 128))
TEXT = {"base_image": "img_1", "overlay_type": "text", "content": "HELLO"}
OBJECT = {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0"}
STYLES = {"opacity": 0.5, "rotation": 30, "background": "red", "outline": "blue"}


def array(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture.convert("RGB")).astype(int)


def changed(base: Image.Image, result: Image.Image) -> tuple[int, int, int, int]:
    """The box of the pixels that differ clearly."""
    ys, xs = np.nonzero(np.abs(array(base) - array(result)).sum(-1) > 30)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def held(raw: dict[str, Any]) -> Checked:
    tool = find_tool("Overlayer")
    assert tool is not None
    return check_call(tool, raw, canvas_info(canvas(1)), 1)


# ── the call ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("without", [{}, dict.fromkeys(STYLES)])
def test_a_call_without_them_is_what_it_was(without: dict[str, Any]) -> None:
    """The key, by the formula of before there were styles; so seeds and records are what they were."""
    drawn, checked = canvas(1), held({**TEXT, **without})
    with ToolBox("lite") as box:
        arguments = {
            "base_image": f"image:{drawn['img_1'].key}", "overlay_type": "text", "content": "HELLO",
            "position": [500, 500], "scale": None, "color": None, "font_size": None, "quad": None,
        }  # fmt: skip
        parts = ["Overlayer", arguments, box.fingerprint(box.tools["Overlayer"]), False]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        assert box.base_key(checked, {"base_image": drawn["img_1"]}) == key
        styled = {box.base_key(held({**TEXT, name: value}), {"base_image": drawn["img_1"]})
                  for name, value in STYLES.items()}  # fmt: skip
    assert len(styled | {key}) == 1 + len(STYLES)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({**TEXT, "opacity": 30}, "above 0, up to 1, such as 0.3 for 30 %"),
        ({**TEXT, "opacity": 0}, "above 0, up to 1"),
        ({**TEXT, "opacity": float("nan")}, "above 0, up to 1"),
        ({**TEXT, "rotation": 700}, "from -360 to 360, clockwise"),
        ({**TEXT, "background": "reddish box"}, "'background': 'reddish box' is no colour"),
        ({**TEXT, "outline": "thick"}, "'outline': 'thick' is no colour"),
        ({**OBJECT, "background": "red"}, "'background': only text has one"),
        ({**OBJECT, "outline": "red"}, "'outline': only text has one"),
        ({**TEXT, "rotation": 5, "quad": [[0, 0], [900, 0], [900, 900], [0, 900]]}, "only one of the two"),
    ],
)
def test_what_makes_no_sense_is_a_fault_in_words(raw: dict[str, Any], words: str) -> None:
    faults = held(raw).faults
    assert [fault.stage for fault in faults] == [Stage.SPECIFICATION] and words in faults[0].message


def executed(profile: Profile | str, raw: dict[str, Any]) -> Execution:
    drawn = canvas(1)
    with ToolBox(profile) as box:
        checked = check_call(box.tools["Overlayer"], raw, canvas_info(drawn), 1)
        assert not checked.faults
        return asyncio.run(box.call(checked, {slot: drawn[name] for slot, name in checked.assets.items()}))


def own(isolate: bool) -> Profile:
    lite = load_profile("lite")
    backends = {**lite.backends, "Overlayer": "backends_for_tests:Plain"}
    return lite.model_copy(update={"backends": backends, "isolate": ["Overlayer"] if isolate else []})


@pytest.mark.parametrize("profile", ["release", own(False), own(True)], ids=["release", "own", "own, isolated"])
def test_a_backend_without_styles_refuses_them_and_works_without(profile: Profile | str) -> None:
    refused = executed(profile, {**TEXT, "opacity": 0.5, "outline": "red"})
    assert refused.fault is not None and refused.fault.stage is Stage.EXECUTION
    assert "no opacity and no outline, so nothing was put on" in refused.fault.message
    assert executed(profile, TEXT).fault is None


def test_the_observation_tells_which_were_used_and_a_process_of_its_own_gets_them() -> None:
    here = executed("lite", {**TEXT, **STYLES})
    assert here.outcome is not None and here.outcome.picture is not None
    assert ", opacity 0.5, rotation 30, background red, outline blue." in here.outcome.text
    alone = executed(load_profile("lite").model_copy(update={"isolate": ["Overlayer"]}), {**TEXT, **STYLES})
    assert alone.outcome is not None and alone.outcome.picture is not None
    assert alone.outcome.picture.tobytes() == here.outcome.picture.tobytes()


# ── the pixels ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_opacity_mixes_an_object_with_what_is_below(mode: str) -> None:
    blue = Image.new(mode, (40, 20), "blue")
    assert OVERLAY(base=GREY, content=blue, center=(120, 80), opacity=0.25).getpixel((120, 80)) == (96, 96, 160)
    assert OVERLAY(base=GREY, content=blue, center=(120, 80), opacity=1.0) == OVERLAY(
        base=GREY, content=blue, center=(120, 80)
    )


@pytest.mark.parametrize(
    "more", [{}, {"rotation": 20}, {"background": "navy"}, {"quad": ((9, 9), (230, 9), (230, 150), (9, 150))}]
)
def test_opacity_is_of_all_that_is_put_on(more: dict[str, Any]) -> None:
    text = {"base": GREY, "content": "HI", "center": (120, 80), "color": "yellow", **more}
    full, half = (array(OVERLAY(**text, opacity=share)) - 128 for share in (1.0, 0.5))
    assert np.abs(full / 2 - half).max() <= 6 and np.abs(full).max() > 100


@given(st.floats(-360, 360), st.booleans(), st.sampled_from(["Hi", "Good morning", "one two three four five six " * 3]),
       st.tuples(st.floats(0, 240), st.floats(0, 160)))  # fmt: skip
@settings(max_examples=30)
def test_turned_text_and_its_box_never_leave_the_picture(
    degrees: float, boxed: bool, text: str, center: tuple[float, float]
) -> None:
    result = OVERLAY(
        base=GREY, content=text, center=center, rotation=degrees, background="red" if boxed else None, scale=1.5
    )
    box = changed(GREY, result)
    assert box[0] > 0 and box[1] > 0 and box[2] < 240 and box[3] < 160


def test_rotation_is_clockwise_around_the_position() -> None:
    base = Image.new("RGB", (200, 200), "white")
    bar = Image.new("RGB", (100, 20), "blue")
    bar.paste("red", (80, 0, 100, 20))  # the right end
    quarter = OVERLAY(base=base, content=bar, center=(100, 100), rotation=90)
    assert changed(base, quarter) == (90, 50, 110, 150)
    assert quarter.getpixel((100, 145)) == (255, 0, 0) and quarter.getpixel((100, 55)) == (0, 0, 255)
    turned = OVERLAY(base=base, content=bar, center=(100, 100), rotation=45)
    assert turned.getpixel((131, 131)) == (255, 0, 0) and turned.getpixel((69, 69)) == (0, 0, 255)
    assert OVERLAY(base=base, content=bar, center=(100, 100), rotation=-315) == turned
    assert OVERLAY(base=base, content=bar, center=(100, 100), rotation=360) == OVERLAY(
        base=base, content=bar, center=(100, 100)
    )


def test_a_turned_object_without_a_scale_fits_and_its_corners_have_no_fringe() -> None:
    base = Image.new("RGB", (100, 100), "white")
    result = OVERLAY(base=base, content=Image.new("RGB", (300, 300), "blue"), center=(50, 50), rotation=45)
    assert 98 <= changed(base, result)[2] - changed(base, result)[0] <= 100
    assert result.getpixel((2, 2)) == (255, 255, 255) and result.getpixel((50, 50)) == (0, 0, 255)
    assert (array(result)[..., 2] == 255).all()  # white to blue, and nothing dark between


def test_turning_by_a_little_looks_like_not_turning() -> None:
    base, cat = Image.new("RGB", (240, 200), "white"), Image.fromarray(data.chelsea()).resize((160, 120))
    plain = array(OVERLAY(base=base, content=cat, center=(120, 100)))
    assert np.abs(plain - array(OVERLAY(base=base, content=cat, center=(120, 100), rotation=0.01))).mean() < 0.5


def test_a_huge_scale_of_a_turned_object_costs_no_memory_and_outside_is_refused() -> None:
    base, large = Image.new("RGB", (100, 100), "white"), Image.new("RGB", (4000, 4000), "blue")
    filled = OVERLAY(base=base, content=large, center=(50, 50), scale=50, rotation=33)
    assert filled.getextrema() == ((0, 0), (0, 0), (255, 255))
    bar = Image.new("RGB", (40, 4), "blue")
    for center in ((150, 50), (-15, -15)):  # the second by its direction only: its upright box reaches in
        with pytest.raises(ToolRefusal, match="wholly outside"):
            OVERLAY(base=base, content=bar, center=center, scale=1, rotation=-45)
    assert OVERLAY(base=base, content=bar, center=(-10, -10), scale=1, rotation=45) != base
    dot = OVERLAY(base=base, content=Image.new("RGB", (1, 1), "blue"), center=(50, 50), rotation=45)
    assert changed(base, dot) == (50, 50, 51, 51)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(-360, 360))
@settings(max_examples=40)
def test_what_is_turned_lies_in_the_box_that_was_foretold(width: int, height: int, degrees: float) -> None:
    base = Image.new("RGB", (200, 200), "white")
    size = turned_size((width, height), degrees)
    result = put_turned(base, Image.new("RGB", (width, height), "black"), (100, 100), 1.0, degrees)
    box = changed(base, result)
    assert box[2] - box[0] <= size[0] + 2 and box[3] - box[1] <= size[1] + 2


def test_a_box_lies_behind_the_text_with_room_around_it() -> None:
    result = OVERLAY(base=GREY, content="SALE", center=(120, 80), background="red", color="white", outline="black")
    pixels, box = array(result), changed(GREY, result)
    assert (pixels[box[1], box[0] : box[2]] == (255, 0, 0)).all()  # its edges are free of letters
    assert (pixels[box[1] : box[3], box[0]] == (255, 0, 0)).all()
    assert (pixels == 255).all(-1).sum() > 50
    assert [line.text for line in ocr.Backend(ocr.Config())(image=result)] == ["SALE"]


@pytest.mark.parametrize(("background", "shade"), [("black", 255), ("yellow", 0), ("#000000c0", 255)])
def test_text_without_a_colour_is_readable_on_its_box(background: str, shade: int) -> None:
    result = OVERLAY(base=GREY, content="SALE", center=(120, 80), background=background)
    assert (array(result) == shade).all(-1).sum() > 50


def test_a_box_can_shine_through() -> None:
    result = OVERLAY(base=GREY, content="I", center=(120, 80), background="#ff000080", color="white")
    left, top, *_ = changed(GREY, result)
    assert result.getpixel((left, top)) == pytest.approx((192, 64, 64), abs=2)


def test_a_box_fills_a_quad() -> None:
    quad = ((40, 20), (200, 20), (200, 140), (40, 140))
    result = OVERLAY(base=GREY, content="HI", center=(0, 0), quad=quad, background="teal")
    assert changed(GREY, result) == (40, 20, 200, 140) and result.getpixel((42, 22)) == (0, 128, 128)


def test_an_outline_has_its_colour_and_text_stands_out_from_it() -> None:
    for outline, rgb, fill in (("blue", (0, 0, 255), 255), ("yellow", (255, 255, 0), 0)):
        pixels = array(OVERLAY(base=GREY, content="SALE", center=(120, 80), outline=outline))
        assert (pixels == rgb).all(-1).sum() > 50 and (pixels == fill).all(-1).sum() > 50


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (33, 17)])
def test_tiny_pictures_take_turned_objects_and_refuse_text_in_words(size: tuple[int, int]) -> None:
    base = Image.new("RGB", size, "white")
    square = Image.new("RGB", (5, 5), "blue")
    assert OVERLAY(base=base, content=square, center=(size[0] / 2, size[1] / 2), rotation=30, opacity=0.5).size == size
    try:
        OVERLAY(base=base, content="HELLO", center=(0, 0), rotation=30, background="red")
    except ToolRefusal as refusal:
        assert "larger picture" in str(refusal)
