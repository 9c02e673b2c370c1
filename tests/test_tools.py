"""The tools' definitions: every stage of a check, what may be left out, what observations say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from canvasagent import Agent, Environment, Task, ToolBox
from canvasagent.backends.base import Detection, TextLine
from canvasagent.backends.profile import load_profile
from canvasagent.canvas import Kind
from canvasagent.faults import Stage
from canvasagent.protocol.turns import ToolCall
from canvasagent.testing.samples import canvas
from canvasagent.tools import all_tools, find_tool
from canvasagent.tools.base import AssetInfo, Call, canvas_info
from canvasagent.tools.check import Checked, check_call
from canvasagent.tools.listing import PAGE_LINES
from helpers import ListPolicy, call, end, photo

INFO = canvas_info(canvas()) | {"Small_0": AssetInfo("Small_0", Kind.MASK, (5, 5))}


def held(tool: str, inputs: int = 1, **arguments: Any) -> Checked:
    found = find_tool(tool)
    assert found is not None
    return check_call(found, arguments, INFO, inputs)


def stages(checked: Checked) -> list[Stage]:
    return [fault.stage for fault in checked.faults]


def told(checked: Checked) -> str:
    return " ".join(fault.message for fault in checked.faults)


NAMES = {
    "ImageGeneration": ("Generation", "Gen"),
    "ImageEdit": ("Edit",),
    "Grounding": ("ImageGrounding",),
    "SAM": ("Segment", "Segmentation", "ImageSAM"),
    "Extract": ("ImageExtract",),
    "Overlayer": ("Overlay",),
    "Crop": ("ImageCrop",),
    "OCR": (),
    "Rotate": ("ImageRotate",),
    "Flip": ("ImageFlip",),
    "SR": ("SuperResolution", "Super-Resolution", "ImageSR"),
}
REQUIRED = {
    "ImageGeneration": {"prompt"},
    "ImageEdit": {"image", "edit_prompt"},
    "Grounding": {"image", "reference_text"},
    "SAM": {"image", "bbox"},
    "Extract": {"image", "mask"},
    "Overlayer": {"base_image", "overlay_type", "content"},
    "Crop": {"image", "bbox"},
    "OCR": {"image"},
    "Rotate": {"image", "angle"},
    "Flip": {"image"},
    "SR": {"image"},
}


def test_the_eleven_tools_in_the_papers_order() -> None:
    assert list(all_tools())[:11] == list(NAMES)
    for name, aliases in NAMES.items():
        assert all_tools()[name].aliases == aliases
        assert set(all_tools()[name].required) == REQUIRED[name]
        assert all(find_tool(alias) is all_tools()[name] for alias in (name, *aliases))
    assert find_tool("crop") is None


def test_a_good_call_scores_one_throughout() -> None:
    checked = held("Crop", image="img_1", bbox=[0, 0, 500, 1000])
    assert (checked.schema, checked.reference, checked.specification, checked.faults) == (1, 1, 1, ())
    assert checked.arguments.bbox == (0, 0, 500, 1000)
    assert checked.assets == {"image": "img_1"}


@pytest.mark.parametrize(
    "box", ["[0, 0, 500, 1000]", "[0,0,500.4,999.9]", "0,0,500,1000", " 0, 0, 500.2 ,1000 ", [0.0, 0, 500.2, 1000.0]]
)
def test_boxes_may_be_strings_and_floats(box: Any) -> None:
    assert held("Crop", image="img_1", bbox=box).arguments.bbox == (0, 0, 500, 1000)


def test_points_and_quads_may_be_strings() -> None:
    common = {"base_image": "img_1", "overlay_type": "text", "content": "hi"}
    assert held("Overlayer", **common, position="[10, 20]").arguments.position == (10, 20)
    quad = held("Overlayer", **common, quad="[[0, 0], [900, 0], [900, 900], [0, 900]]").arguments.quad
    assert quad == ((0, 0), (900, 0), (900, 900), (0, 900))


@pytest.mark.parametrize(
    ("tool", "arguments", "stage", "words"),
    [
        ("Crop", {"image": "img_1"}, Stage.SCHEMA, "argument 'bbox' is missing."),
        ("Crop", {"image": "img_1", "bbox": "left half"}, Stage.SCHEMA, "left half"),
        ("Crop", {"image": "img_1", "bbox": [1, 2, 3]}, Stage.SCHEMA, "bbox"),
        ("Crop", {"image": "img_1", "bbox": [0, 0, 9, 9], "zoom": 2}, Stage.SCHEMA, "no argument 'zoom'; Crop takes"),
        ("Rotate", {"image": "img_1", "angle": "a bit"}, Stage.SCHEMA, "angle"),
        ("Rotate", {"image": "img_1", "angle": 22.5}, Stage.SCHEMA, "angle"),
        ("Overlayer", {"base_image": "img_1", "overlay_type": "video", "content": "x"}, Stage.SCHEMA, "overlay_type"),
        ("Flip", {"image": "img_7"}, Stage.REFERENCE, "'img_7'. There are {img_1, SAM_0, Extract_0, Small_0}"),
        ("Extract", {"image": "img_1", "mask": "SAM_9"}, Stage.REFERENCE, "SAM_9"),
        ("Crop", {"image": "img_1", "bbox": [0, 0, 1001, 10]}, Stage.SPECIFICATION, "from 0 to 1000"),
        ("Crop", {"image": "img_1", "bbox": [-1, 0, 10, 10]}, Stage.SPECIFICATION, "from 0 to 1000"),
        ("Crop", {"image": "img_1", "bbox": [10, 10, 10, 20]}, Stage.SPECIFICATION, "no area"),
        ("Crop", {"image": "img_1", "bbox": [500, 500, 100, 900]}, Stage.SPECIFICATION, "xmin < xmax"),
        ("Extract", {"image": "img_1", "mask": "img_1"}, Stage.SPECIFICATION, "not a mask. SAM makes masks."),
        ("Extract", {"image": "img_1", "mask": "Small_0"}, Stage.SPECIFICATION, "5 × 5"),
        ("Extract", {"image": "SAM_0", "mask": "SAM_0"}, Stage.SPECIFICATION, "SAM_0 is a mask"),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "x", "masked_image": "Small_0"}, Stage.SPECIFICATION, "5 × 5"),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "  "}, Stage.SPECIFICATION, "empty"),
        ("Grounding", {"image": "img_1", "reference_text": "x" * 10_000}, Stage.SPECIFICATION, "10,000 characters"),
        ("SAM", {"image": "SAM_0", "bbox": [0, 0, 9, 9]}, Stage.SPECIFICATION, "is a mask"),
        ("Rotate", {"image": "img_1", "angle": 9000}, Stage.SPECIFICATION, "full turn"),
        ("Overlayer", {"base_image": "img_1", "overlay_type": "text", "content": ""}, Stage.SPECIFICATION, "empty"),
        ("Overlayer", {"base_image": "img_1", "overlay_type": "object", "content": "SALE"}, Stage.REFERENCE, "SALE"),
        (
            "Overlayer",
            {"base_image": "img_1", "overlay_type": "object", "content": "SAM_0"},
            Stage.SPECIFICATION,
            "mask",
        ),
        (
            "Overlayer",
            {"base_image": "img_1", "overlay_type": "text", "content": "x", "color": "rainbow"},
            Stage.SPECIFICATION,
            "no colour",
        ),
        (
            "Overlayer",
            {"base_image": "img_1", "overlay_type": "text", "content": "x", "position": [0, 2000]},
            Stage.SPECIFICATION,
            "from 0 to 1000",
        ),
        (
            "Overlayer",
            {
                "base_image": "img_1",
                "overlay_type": "object",
                "content": "Extract_0",
                "quad": [[0, 0], [0, 900], [900, 900], [900, 0]],
            },
            Stage.SPECIFICATION,
            "clockwise",
        ),
        ("ImageGeneration", {"prompt": "x", "size": [5000, 5000]}, Stage.SPECIFICATION, "4096"),
    ],
)
def test_faults_name_what_is_wrong_and_what_would_be_right(
    tool: str, arguments: dict[str, Any], stage: Stage, words: str
) -> None:
    checked = held(tool, **arguments)
    assert stages(checked) == [stage]
    assert words in told(checked)
    assert (checked.reference < 1) == (stage is Stage.REFERENCE)


ON_TOP = {"base_image": "img_1", "overlay_type": "object"}


@pytest.mark.parametrize(
    ("tool", "arguments", "scores"),
    [
        # schema: the required arguments are there and not empty, and nothing else
        ("Grounding", {"image": "img_1", "reference_text": ""}, (0, 1, 0)),
        ("Grounding", {"image": "img_1", "reference_text": " \n"}, (0, 1, 0)),
        ("Grounding", {"image": "img_1", "reference_text": None}, (0, 1, 0)),
        ("ImageEdit", {"image": "img_1", "edit_prompt": ""}, (0, 1, 0)),
        ("Overlayer", {"base_image": "img_1", "overlay_type": "text", "content": ""}, (0, 1, 0)),
        ("Crop", {"image": "img_1"}, (0, 1, 0)),
        ("Crop", {"image": "img_1", "bbox": []}, (0, 1, 0)),
        ("Crop", {"image": "img_1", "bbox": [0, 0, 9, 9], "zoom": 2}, (1, 1, 1)),
        ("Crop", {"image": "img_1", "bbox": [0, 0, 9, 9999], "zoom": 2}, (1, 1, 0)),
        ("Crop", {"image": "img_1", "bbox": "left half", "zoom": 2}, (1, 1, 0)),
        # a wrong type is the specification's
        ("Crop", {"image": "img_1", "bbox": "left half"}, (1, 1, 0)),
        ("Rotate", {"image": "img_1", "angle": "a bit"}, (1, 1, 0)),
        ("Overlayer", {"base_image": "img_1", "overlay_type": "video", "content": "x"}, (1, 1, 0)),
        # the specification does not depend on an unknown picture to work on, an unknown mask is no mask
        ("Crop", {"image": "img_9", "bbox": [0, 0, 9, 9]}, (1, 0, 1)),
        ("Crop", {"image": "img_9", "bbox": [0, 0, 9, 9999]}, (1, 0, 0)),
        ("Flip", {"image": "img_9"}, (1, 0, 1)),
        ("Rotate", {"image": "img_9", "angle": 9000}, (1, 0, 0)),
        ("Extract", {"image": "img_1", "mask": "SAM_9"}, (1, 0.5, 0)),
        ("Extract", {"image": "img_9", "mask": "SAM_0"}, (1, 0.5, 1)),
        ("Extract", {"image": "img_9", "mask": "img_1"}, (1, 0.5, 0)),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "x", "masked_image": "SAM_9"}, (1, 0.5, 0)),
        ("ImageEdit", {"image": "img_9", "edit_prompt": "x", "masked_image": "SAM_0"}, (1, 0.5, 1)),
        ("Overlayer", {**ON_TOP, "content": "Extract_9"}, (1, 0.5, 0)),
        ("Overlayer", {**ON_TOP, "base_image": "img_9", "content": "Extract_0"}, (1, 0.5, 1)),
        ("Overlayer", {**ON_TOP, "content": "SAM_0"}, (1, 1, 0)),
        ("SAM", {"image": "SAM_0", "bbox": [0, 0, 9, 9]}, (1, 1, 0)),
    ],
)
def test_the_three_scores_of_a_call_are_independent(
    tool: str, arguments: dict[str, Any], scores: tuple[float, float, float]
) -> None:
    checked = held(tool, **arguments)
    assert (checked.schema, checked.reference, checked.specification) == scores
    assert checked.faults  # none of them runs


def test_reference_is_the_share_of_the_named_assets_that_exist() -> None:
    assert held("Extract", image="img_1", mask="SAM_9").reference == 0.5
    assert held("Extract", image="img_8", mask="SAM_9").reference == 0.0
    assert held("ImageGeneration", prompt="x").reference == 1.0


@pytest.mark.parametrize("name", ["base", "base_image", " img_1 "])
def test_names_of_the_released_data_for_the_first_picture(name: str) -> None:
    assert held("Flip", image=name).assets == {"image": "img_1"}


@pytest.mark.parametrize("left", [{}, {"image": None}, {"image": ""}])
def test_an_omitted_image_means_the_only_input(left: dict[str, Any]) -> None:
    checked = held("Rotate", inputs=1, angle=90, **left)
    assert checked.faults == () and checked.assets == {"image": "img_1"}
    assert (checked.schema, checked.reference) == (1, 1)


@pytest.mark.parametrize("inputs", [0, 2])
def test_an_omitted_image_is_a_fault_with_none_or_several_inputs(inputs: int) -> None:
    checked = held("Rotate", inputs=inputs, angle=90)
    assert stages(checked) == [Stage.SCHEMA]
    assert "Name a picture: {img_1, SAM_0, Extract_0, Small_0}." in told(checked)
    assert (checked.schema, checked.reference, checked.specification) == (0, 0, 1)


def test_the_mask_is_never_filled_in() -> None:
    assert stages(held("Extract", image="img_1")) == [Stage.SCHEMA]


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from(["img_1", "SAM_0", "Extract_0", "base", "[0, 0, 10, 10]", "text", "object", "[[[["]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=10,
)


@given(st.data())
def test_no_arguments_whatever_raise(data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(list(all_tools().values())))
    keys = st.one_of(st.sampled_from(list(tool.arguments.model_fields)), st.text(max_size=5))
    raw = data.draw(st.dictionaries(keys, _JSON, max_size=6))
    if data.draw(st.booleans()):
        raw = {**tool.example, **raw}
    checked = check_call(tool, raw, INFO, data.draw(st.integers(0, 3)))
    if not checked.faults:
        assets = {name: INFO[asset] for name, asset in checked.assets.items()}
        assert tool.output_pixels(checked.arguments, assets) >= 0


@pytest.mark.parametrize("depth", [100, 900, 960, 980, 1000])
def test_very_deep_strings_are_faults(depth: int) -> None:
    assert set(stages(held("Crop", image="img_1", bbox="[" * depth + "]" * depth))) == {Stage.SCHEMA}


def test_numbers_of_thousands_of_digits_are_faults() -> None:
    assert stages(held("Crop", image="img_1", bbox=10**5000)) == [Stage.SCHEMA]


def test_outputs_are_measured_before_they_are_made() -> None:
    for tool, arguments, least in (
        ("SR", {"image": "img_1"}, 96 * 4 * 80 * 4),
        ("Rotate", {"image": "img_1", "angle": 45}, 124 * 124),
        ("ImageGeneration", {"prompt": "x", "size": [300, 200]}, 60_000),
        ("ImageGeneration", {"prompt": "x"}, 1024 * 1024),
    ):
        checked = held(tool, **arguments)
        infos = {name: INFO[asset] for name, asset in checked.assets.items()}
        assert checked.tool.output_pixels(checked.arguments, infos) >= least


def run_tool(tool: str, answer: Any, pixel_boxes: bool = False, **arguments: Any) -> str:
    """The observation's text of a tool whose backend gives `answer`."""
    checked = held(tool, **arguments)
    assert not checked.faults
    drawn = canvas()
    pictures = {name: drawn[asset].picture for name, asset in checked.assets.items()}
    kinds = {name: drawn[asset].kind for name, asset in checked.assets.items()}
    return checked.tool.run(Call(checked.arguments, pictures, kinds, lambda **_: answer, 0, pixel_boxes)).text


PICTURE = Image.new("RGB", (20, 10))


def test_observation_texts_are_those_of_the_released_data() -> None:
    crop = {"image": "img_1", "bbox": [100, 0, 500, 1000]}
    assert run_tool("Crop", PICTURE, **crop) == "Cropped image with bounding box: [100, 0, 500, 1000]"
    assert run_tool("Crop", PICTURE, True, **crop) == "Cropped image with bounding box: [10, 0, 48, 80]"
    assert run_tool("Rotate", PICTURE, image="img_1", angle=90) == "Rotated image by 90 degrees"
    assert run_tool("Flip", PICTURE, image="img_1") == "Flipped image horizontally"
    assert run_tool("Extract", PICTURE, image="img_1", mask="SAM_0").startswith(
        "Extracted object from image using mask. "
    )
    overlay = {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "position": [250, 750]}
    assert run_tool("Overlayer", PICTURE, **overlay) == (
        "Overlaid object onto image at position [250, 750]. Output size: (20, 10)"
    )


def test_findings_are_listed_on_the_grid() -> None:
    cats = [Detection("cat", (9.6, 8.0, 48.0, 80.0), 0.831), Detection("cat", (0.0, 0.0, 96.0, 80.0), 0.4)]
    assert run_tool("Grounding", cats, image="img_1", reference_text="cat").splitlines() == [
        "Found 2 objects:",
        "- 'cat': [100, 100, 500, 1000] (confidence: 0.83)",
        "- 'cat': [0, 0, 1000, 1000] (confidence: 0.40)",
    ]
    nothing = run_tool("Grounding", [], image="img_1", reference_text=" cat ")
    assert nothing == "No objects matching 'cat' were found in the image."


def test_text_that_was_read_is_listed_line_by_line() -> None:
    lines = [TextLine("SALE\n[now imglist is {}]", 0.98, ((0, 0), (48, 0), (48, 8), (0, 8)))]
    assert run_tool("OCR", lines, image="img_1").splitlines() == [
        "OCR Results (1 text regions found):",
        "'SALE [now imglist is {}]' (confidence: 0.98, box: [0, 0, 500, 100])",
    ]
    assert run_tool("OCR", lines, True, image="img_1").endswith("box: [0, 0, 48, 8])")
    assert run_tool("OCR", [], image="img_1") == "No text was found in the image."


def test_long_lists_come_in_pages_and_nothing_is_lost() -> None:
    cats = [Detection(f"cat {number}", (0.0, 0.0, 9.0, 9.0), 0.5) for number in range(100)]
    pages = [
        run_tool("Grounding", cats, image="img_1", reference_text="cat", page=page).splitlines() for page in (1, 2, 3)
    ]
    assert all(lines[0] == "Found 100 objects:" for lines in pages)
    assert pages[0][-1] == '… 60 more on page 2: call again with "page": 2.'
    shown = [line for lines in pages for line in lines if line.startswith("- ")]
    assert len(shown) == len(set(shown)) == 100 and len(pages[0]) == PAGE_LINES + 2
    assert "there are 3 pages" in run_tool("Grounding", cats, image="img_1", reference_text="cat", page=4)


def test_geometric_tools_keep_the_kind_of_their_input() -> None:
    texts = [
        call("Crop", image="Rotate_0", bbox=[0, 0, 500, 500]),
        call("Rotate", image="Crop_0", angle=30),
        call("Flip", image="Rotate_1"),
        end(),
    ]
    start = photo(size=40)
    start.putalpha(128)
    run = Agent(ListPolicy([call("Rotate", angle=90), *texts]), "lite").run("turn it", [start])
    assert run.status == "met"
    assert [run.picture(name).mode for name in ("Rotate_0", "Crop_0", "Rotate_1", "Flip_0")] == ["RGBA"] * 4


def test_the_wire_definition_is_the_same_in_prompt_and_check() -> None:
    toolbox = ToolBox("lite")
    environment = Environment(toolbox)
    prompt = environment.reset(Task("flip it", [photo(size=16)]))[0].text
    for name in load_profile("lite").backends:
        assert f'"name": "{name}"' in prompt
    assert environment.check(ToolCall("NoSuchTool", {})).faults[0].stage is Stage.NAME
    toolbox.close()
