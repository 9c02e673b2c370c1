"""SR: four times the width and height, with detail restored."""

from __future__ import annotations

from collections.abc import Mapping

from canvasagent.canvas import Kind
from canvasagent.errors import BackendFailure
from canvasagent.tools.base import AssetInfo, Call, Outcome, Tool, ToolArguments, asset_field

SCALE = 4
"""Enlargement of width and height (the paper's Table 1: Real-ESRGAN x4)."""


class Arguments(ToolArguments):
    """The arguments of SR."""

    image: str = asset_field("id of the picture to enlarge", Kind.IMAGE, Kind.CUTOUT)


def output_pixels(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> int:
    """Sixteen times the input's."""
    width, height = assets["image"].size
    return width * height * SCALE * SCALE


def run(call: Call) -> Outcome:
    """Enlarge four times; transparency is kept."""
    picture = call.pictures["image"]
    enlarged = call.backend(image=picture)
    wanted = (picture.width * SCALE, picture.height * SCALE)
    if enlarged.size != wanted:
        raise BackendFailure(f"the SR backend gave {enlarged.size}, not {wanted}.")
    text = f"Enhanced image resolution {SCALE}x. Output size: {enlarged.size}"
    return Outcome(text, enlarged, call.kinds["image"])


TOOL = Tool(
    name="SR",
    aliases=("SuperResolution", "Super-Resolution", "ImageSR"),
    summary="Super-resolution: enlarge a picture to four times its width and height and sharpen it.",
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1"},
    output_pixels=output_pixels,
    default_image="image",
)
