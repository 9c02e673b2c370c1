"""`canvasagent tool NAME` and `canvasagent tools`: one definition behind options, checks and schemas."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from canvasagent.tools import all_tools
from cli_helpers import Shell


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.mark.parametrize("name", ["crop", "Crop", "CROP", "ImageCrop", "imagecrop"])
def test_every_name_of_a_tool_works(shell: Shell, name: str) -> None:
    said = shell("tool", name, "--image", "a.png", "--bbox", "[0, 0, 500, 250]", "-o", "out.png")
    assert said.code == 0 and said.out == "out.png\n"
    pixels, expected = np.asarray(Image.open("out.png")), np.asarray(Image.open("a.png"))
    assert np.array_equal(pixels, expected[:64, :128])


def test_every_tool_is_a_command_with_all_its_arguments(shell: Shell) -> None:
    listed = shell("tool", "--help").out
    for tool in all_tools().values():
        assert tool.slug in listed
        help_text = shell("tool", tool.slug, "--help").out
        for argument in tool.arguments.model_fields:
            assert f"--{argument.replace('_', '-')}" in help_text
        assert ("--out" in help_text) == (tool.makes != "text")


def test_chain_of_mask_and_cutout(shell: Shell) -> None:
    assert shell("tool", "sam", "--image", "a.png", "--bbox", "[340,120,540,320]", "-o", "mask.png").code == 0
    mask = Image.open("mask.png")
    assert mask.mode == "L" and mask.size == (256, 256) and set(mask.tobytes()) == {0, 255}
    flipped = shell("tool", "flip", "--image", "mask.png", "-o", "flipped.png", "--json")
    assert flipped.object["kind"] == "mask" and Image.open("flipped.png").mode == "L"
    cut = shell("tool", "extract", "--image", "a.png", "--mask", "mask.png", "-o", "cut.png", "--json")
    assert cut.code == 0 and cut.object["kind"] == "cutout" and Image.open("cut.png").mode == "RGBA"
    turned = shell("tool", "rotate", "--image", "cut.png", "--angle", "45", "-o", "turned.png", "--json")
    assert turned.object["kind"] == "cutout" and Image.open("turned.png").mode == "RGBA"
    laid = shell("tool", "overlay", "--base-image", "a.png", "--overlay-type", "object", "--content", "turned.png",
                 "--position", "[250, 250]", "-o", "laid.png")  # fmt: skip
    assert laid.code == 0 and Image.open("laid.png").size == (256, 256)
    assert Image.open("laid.png").tobytes() != Image.open("a.png").tobytes()


def test_grey_and_coloured_masks_are_thresholded(shell: Shell) -> None:
    grey = Image.linear_gradient("L").resize((256, 256))
    grey.save("grey.png")
    grey.convert("RGB").save("rgb.png")
    for mask in ("grey.png", "rgb.png"):
        said = shell("tool", "extract", "--image", "a.png", "--mask", mask, "-o", "cut.png", "--json")
        assert said.code == 0, said
        assert set(Image.open("cut.png").getchannel("A").tobytes()) == {255}, "tight to the half that is inside"
        assert Image.open("cut.png").height == pytest.approx(128, abs=2)


def test_mask_of_another_size_is_refused_by_its_file_name(shell: Shell) -> None:
    Image.new("L", (10, 10), 255).save("small.png")
    said = shell("tool", "extract", "--image", "a.png", "--mask", "small.png", "-o", "cut.png", "--json")
    assert said.code == 2 and "small.png is 10 × 10, but a.png is 256 × 256" in said.object["error"]
    assert not Path("cut.png").exists()


@pytest.mark.parametrize(
    "typed", ["[100, 0, 600, 500]", "100,0,600,500", "100, 0, 600, 500", "100 0 600 500", "(100;0;600;500)"]
)
def test_a_list_of_numbers_may_be_typed_without_brackets(shell: Shell, typed: str) -> None:
    assert shell("tool", "crop", "-i", "a.png", "--bbox", typed, "-o", "out.png").code == 0
    assert Image.open("out.png").tobytes() == Image.open("a.png").crop((26, 0, 154, 128)).tobytes()


@pytest.mark.parametrize("typed", ["64x48", "64X48", "64,48", "64×48", "[64, 48]"])
def test_a_size_may_be_typed_as_people_write_it(shell: Shell, typed: str) -> None:
    said = shell("tool", "image_generation", "--prompt", "a cat", "--size", typed, "-o", "out.png")
    assert said.code == 0 and Image.open("out.png").size == (64, 48)


def test_points_may_be_typed_without_brackets(shell: Shell) -> None:
    base = ("tool", "overlay", "--base-image", "a.png", "--overlay-type", "text", "--content", "X", "--quad")
    assert shell(*base, "100,100 900,100 900,800 100,800", "-o", "one.png").code == 0
    assert shell(*base, "[[100,100],[900,100],[900,800],[100,800]]", "-o", "two.png").code == 0
    assert Image.open("one.png").tobytes() == Image.open("two.png").tobytes()


@pytest.mark.parametrize(
    ("option", "typed"),
    [
        ("--bbox", "left"), ("--bbox", "1,2,3"), ("--bbox", "[1,2,3]"), ("--bbox", "1,2,3,4,5"), ("--bbox", ""),
        ("--bbox", "[[1],2,3,4]"), ("--bbox", "[" * 100_000), ("--bbox", "9" * 5000), ("--bbox", "{}"),
        ("--bbox", "100,0,6e2,500"),
        ("--size", "512"), ("--size", "big"), ("--quad", "0,0,5"), ("--quad", "[1,2,3,4]"), ("--quad", "1,1 2,2 3,3 4"),
    ],
)  # fmt: skip
def test_a_list_of_another_form_is_refused_with_the_form(shell: Shell, option: str, typed: str) -> None:
    tool = {
        "--bbox": ("crop", "-i", "a.png"),
        "--size": ("image_generation", "--prompt", "x"),
        "--quad": ("overlay", "--base-image", "a.png", "--overlay-type", "text", "--content", "x"),
    }
    form = {
        "--bbox": "takes 4 numbers: 100,100,900,800 or [100, 100, 900, 800]",
        "--size": "takes 2 numbers: 512,512 or [512, 512]",
        "--quad": 'takes 4 points of 2 numbers: "100,100 900,100',
    }
    said = shell("tool", *tool[option], option, typed, "-o", "out.png")
    assert said.code == 2 and f"{option} {form[option]}" in said.err and len(said.err) < 300
    assert not Path("out.png").exists()


def test_mask_where_none_is_taken(shell: Shell) -> None:
    """SAM takes pictures only: a black and white file is then a picture like any other."""
    Image.new("L", (64, 64), 255).save("white.png")
    assert shell("tool", "ocr", "--image", "white.png").code == 0


def test_text_tools_print_words_or_data(shell: Shell) -> None:
    said = shell("tool", "grounding", "--image", "a.png", "--reference-text", "face")
    assert said.code == 0 and said.out.startswith("face at [")
    told = shell("tool", "grounding", "--image", "a.png", "--reference-text", "face", "--json").object
    assert told["status"] == "met" and told["data"][0]["label"] == "face" and len(told["data"][0]["bbox"]) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("crop", "--image", "a.png", "--bbox", "[0,0,0,5]", "-o", "o.png"), 2, "no area"),
        (("crop", "--image", "a.png", "--bbox", "[0,0,2000,5]", "-o", "o.png"), 2, "outside"),
        (("crop", "--image", "a.png", "--bbox", "left", "-o", "o.png"), 2, "bbox"),
        (("crop", "--image", "a.png", "-o", "o.png"), 2, "--bbox"),
        (("crop", "--image", "gone.png", "--bbox", "[0,0,5,5]", "-o", "o.png"), 2, "gone.png"),
        (("crop", "--image", "a.png", "--bbox", "[0,0,5,5]", "-o", "o.xyz"), 2, ".xyz"),
        (("crop", "--image", "a.png", "--bbox", "[0,0,5,5]"), 2, "--out"),
        (("rotate", "--image", "a.png", "--angle", "many", "-o", "o.png"), 2, "angle"),
        (("overlay", "--base-image", "a.png", "--overlay-type", "hat", "--content", "x", "-o", "o.png"), 2, "'hat'"),
        (("overlay", "--base-image", "a.png", "--overlay-type", "text", "--content", " ", "-o", "o.png"), 2, "empty"),
        (("image_edit", "--image", "a.png", "--edit-prompt", "turn her into a giraffe", "-o", "o.png"), 3, ""),
        (("paint", "--image", "a.png"), 2, "paint"),
    ],
)  # fmt: skip
def test_bad_arguments(shell: Shell, arguments: tuple[str, ...], code: int, words: str) -> None:
    said = shell("tool", *arguments, "--json")
    assert said.code == code, said
    assert said.object["status"] == "failed" and words in said.object["error"] and "img_1" not in said.object["error"]
    assert not Path("o.png").exists() and "Traceback" not in said.err


def test_numbers_as_text_stay_text(shell: Shell) -> None:
    said = shell("tool", "overlay", "--base-image", "a.png", "--overlay-type", "text", "--content", "2026",
                 "--font-size", "200", "-o", "o.png", "--json")  # fmt: skip
    assert said.code == 0, said
    assert "2026" in shell("tool", "ocr", "--image", "o.png").out


def test_profile_without_a_tool_says_what_there_is(shell: Shell) -> None:
    Path("one.toml").write_text('[backends]\nFlip = "lite/flip"\n')
    said = shell("tool", "ocr", "--image", "a.png", "--profile", "one.toml", "--json")
    assert said.code == 2 and "Flip" in said.object["error"]
    assert [schema["function"]["name"] for schema in shell("tools", "--profile", "one.toml", "--json").object] == [
        "Flip"
    ]


def test_tools_lists_schemas_and_words(shell: Shell) -> None:
    schemas = {schema["function"]["name"]: schema for schema in shell("tools", "--json").object}
    for name, schema in schemas.items():
        assert schema == json.loads(json.dumps(all_tools()[name].schema()))
    listed = shell("tools").out
    assert "ImageCrop" in listed and "bbox" in listed
