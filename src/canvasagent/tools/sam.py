"""SAM: the mask of the object in a box."""

from __future__ import annotations

from pydantic import Field

from canvasagent.canvas import Kind
from canvasagent.errors import BackendFailure, ToolRefusal
from canvasagent.imaging.geometry import box_to_pixels
from canvasagent.tools.base import Box, Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """The arguments of SAM."""

    image: str = asset_field("id of the picture", Kind.IMAGE, Kind.CUTOUT)
    bbox: Box = Field(description="[xmin, ymin, xmax, ymax] of the object, for instance from Grounding")


def run(call: Call) -> Outcome:
    """A mask (L, 0 or 255) of the picture's size."""
    picture = call.pictures["image"]
    mask = call.backend(image=picture, box=box_to_pixels(call.arguments.bbox, picture.size))
    if mask.mode != "L" or mask.size != picture.size:
        raise BackendFailure(f"the SAM backend gave {mask.mode} {mask.size}, not a mask (L) of {picture.size}.")
    covered = mask.histogram()[255] / (mask.width * mask.height)
    if not covered:
        raise ToolRefusal("No object was found in the box; try a box that fits it more tightly.")
    text = f"Segmented the object in the box. The mask covers {covered:.1%} of the image."
    return Outcome(text, mask, Kind.MASK)


TOOL = Tool(
    name="SAM",
    aliases=("Segment", "Segmentation", "ImageSAM"),
    summary="Segment the object in a box: a mask of the picture's size. Find the box with Grounding first.",
    arguments=Arguments,
    makes="mask",
    run=run,
    example={"image": "img_1", "bbox": [100, 100, 900, 800]},
    default_image="image",
)
