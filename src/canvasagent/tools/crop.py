"""Crop: cut a box out of a picture."""

from __future__ import annotations

from pydantic import Field

from canvasagent.imaging.geometry import box_to_pixels
from canvasagent.tools.base import Box, Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """The arguments of Crop."""

    image: str = asset_field("id of the picture to crop")
    bbox: Box = Field(description="[xmin, ymin, xmax, ymax] of the part to keep")


def run(call: Call) -> Outcome:
    """Keep the box; masks stay masks and transparency is kept."""
    picture = call.pictures["image"]
    truncates = getattr(call.backend, "truncates", False)  # the research release cuts off fractions of pixels
    pixels = box_to_pixels(call.arguments.bbox, picture.size, int if truncates else round)
    shown = pixels if call.pixel_boxes else call.arguments.bbox
    cropped = call.backend(image=picture, box=pixels)
    return Outcome(f"Cropped image with bounding box: {list(shown)}", cropped, call.kinds["image"])


TOOL = Tool(
    name="Crop",
    aliases=("ImageCrop",),
    summary="Cut a rectangle out of a picture. Use it to keep, enlarge or read one part.",
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1", "bbox": [100, 100, 900, 800]},
    default_image="image",
)
