"""Extract: lift what a mask covers out of a picture, as a cut-out with transparency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from canvasagent.canvas import Kind
from canvasagent.tools.base import AssetInfo, Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """The arguments of Extract."""

    image: str = asset_field("id of the picture to take from", Kind.IMAGE, Kind.CUTOUT)
    mask: str = asset_field("id of the mask, made by SAM on that picture", Kind.MASK)


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """Picture and mask must be of one size."""
    image, mask = assets["image"], assets.get("mask")
    if mask is not None and mask.size != image.size:
        yield (
            f"argument 'mask': {mask.id} is {mask.size[0]} × {mask.size[1]}, but {image.id} is "
            f"{image.size[0]} × {image.size[1]}; make the mask on the same picture with SAM."
        )


def run(call: Call) -> Outcome:
    """The masked part, cropped tightly to the mask."""
    cutout = call.backend(image=call.pictures["image"], mask=call.pictures["mask"])
    place = ""
    if call.pixel_boxes and (box := call.pictures["mask"].getbbox()) is not None:
        place = f" Cropped from bbox: {list(box)}."  # the research release says where the object was
    return Outcome(f"Extracted object from image using mask.{place} Output size: {cutout.size}", cutout, Kind.CUTOUT)


TOOL = Tool(
    name="Extract",
    aliases=("ImageExtract",),
    summary="Cut the masked object out of a picture: a transparent cut-out, tight to the mask.",
    arguments=Arguments,
    makes="cutout",
    run=run,
    example={"image": "img_1", "mask": "SAM_0"},
    check=check,
    default_image="image",
)
