"""The `release` profile does what the research release did, wrong turns included, so that its runs can be audited."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from canvasagent.backends.profile import load_profile, make_backend
from canvasagent.canvas import Kind
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.fonts import font_for
from canvasagent.tools import all_tools
from canvasagent.tools.base import Call
from canvasagent.tools.crop import TOOL

PROFILE = load_profile("release")


def backend(tool: str):  # type: ignore[no-untyped-def]
    assert tool == "Extract" or PROFILE.backends[tool].startswith("release/")
    return make_backend(PROFILE.backends[tool], {})


def wide() -> Image.Image:
    picture = Image.new("RGB", (60, 40), "white")
    picture.paste("red", (0, 0, 20, 40))  # the left third
    return picture


def test_the_profile_has_every_tool_and_tells_boxes_in_pixels() -> None:
    lite = load_profile("lite")
    assert set(PROFILE.backends) == set(lite.backends)
    assert PROFILE.pixel_boxes and not lite.pixel_boxes


def test_a_quarter_turn_goes_the_other_way_and_cuts() -> None:
    turned = backend("Rotate")(image=wide(), angle=90)
    assert turned.size == (60, 40)
    assert turned.getpixel((30, 38)) == (255, 0, 0)  # what was left is at the bottom: counter-clockwise
    assert turned.getpixel((2, 20)) == (255, 255, 255)
    red = (np.asarray(turned) == (255, 0, 0)).all(-1).sum()
    assert 0 < red < 20 * 40


def test_other_angles_grow_the_canvas() -> None:
    assert backend("Rotate")(image=wide(), angle=45).width > 60
    mask = backend("Rotate")(image=Image.new("L", (40, 40), 255), angle=45)
    assert set(np.unique(np.asarray(mask))) == {0, 255}


@pytest.mark.parametrize(
    ("tool", "options"), [("Crop", {"box": (0, 0, 5, 5)}), ("Rotate", {"angle": 45}), ("Flip", {}), ("SR", {})]
)
def test_transparency_is_lost(tool: str, options: dict[str, object]) -> None:
    cutout = Image.new("RGBA", (10, 10), (1, 2, 3, 0))
    result = backend(tool)(image=cutout, **options)
    assert result.mode == "RGBA" and result.getchannel("A").getextrema() == (255, 255)
    assert cutout.getpixel((0, 0)) == (1, 2, 3, 0)


def test_large_objects_and_long_text_are_cut_at_the_edges() -> None:
    base = Image.new("RGB", (100, 60), "black")
    overlay = backend("Overlayer")
    covered = overlay(base=base, content=Image.new("RGB", (300, 300), "blue"), center=(50, 30))
    assert covered.getextrema() == ((0, 0), (0, 0), (255, 255))
    white = Image.new("RGB", (100, 60), "white")
    written = np.asarray(overlay(base=white, content="WWWWWWWWWWWW", center=(50, 30)))
    assert written[:, 0].min() < 55 and written[:, -1].min() < 55 and written[0].min() == 255


@pytest.mark.parametrize(
    ("size", "letters"), [((100, 60), 20), ((400, 4000), 20), ((440, 2000), 22), ((2000, 1099), 54)]
)
def test_text_is_black_and_a_twentieth_of_the_shorter_side(size: tuple[int, int], letters: int) -> None:
    base, center = Image.new("RGB", size, "white"), (size[0] / 2, size[1] / 2)
    written = backend("Overlayer")(base=base, content="H", center=center)
    by_hand = Image.new("RGB", size, "white")
    ImageDraw.Draw(by_hand).text(center, "H", "black", font_for("H", letters), anchor="mm")
    assert font_for("H", letters).getname() == ("DejaVu Sans", "Book")
    assert np.abs(np.asarray(written).astype(int) - np.asarray(by_hand)).max() <= 1
    assert written.getcolors(1 << 24) and min(np.asarray(written).ravel()) == 0


def test_crop_truncates() -> None:
    picture = Image.new("RGB", (997, 613), "white")
    plain = make_backend(load_profile("lite").backends["Crop"], {})
    for box in ([123, 77, 456, 888], [1, 1, 999, 999], [0, 0, 1000, 1000], [333, 333, 334, 334]):
        for whole, crop in ((int, backend("Crop")), (round, plain)):
            left, top, right, bottom = (
                whole(edge * side / 1000) for edge, side in zip(box, (997, 613) * 2, strict=True)
            )
            arguments = TOOL.arguments.model_validate({"image": "img_1", "bbox": box})
            outcome = TOOL.run(Call(arguments, {"image": picture}, {"image": Kind.IMAGE}, crop, pixel_boxes=True))
            assert outcome.picture is not None
            assert outcome.picture.size == (max(1, right - left), max(1, bottom - top))
            assert f"{[left, top]}"[:-1] in outcome.text


def test_what_the_release_does_not_have_is_refused() -> None:
    with pytest.raises(ToolRefusal, match="neither scale nor quad"):
        backend("Overlayer")(base=wide(), content="x", center=(5, 5), scale=2.0)


def test_extract_says_where_the_object_was() -> None:
    picture, mask = Image.new("RGB", (50, 40), "white"), Image.new("L", (50, 40))
    mask.paste(255, (10, 5, 30, 25))
    extract = all_tools()["Extract"]
    arguments = extract.arguments.model_validate({"image": "img_1", "mask": "SAM_0"})
    pictures, kinds = {"image": picture, "mask": mask}, {"image": Kind.IMAGE, "mask": Kind.MASK}
    said = [
        extract.run(Call(arguments, pictures, kinds, backend("Extract"), pixel_boxes=pixels)).text
        for pixels in (True, False)
    ]
    size = "Output size: (20, 20)"
    assert said[0] == f"Extracted object from image using mask. Cropped from bbox: [10, 5, 30, 25]. {size}"
    assert said[1] == f"Extracted object from image using mask. {size}"
