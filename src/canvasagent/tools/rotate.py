"""Rotate: turn a picture clockwise by whole degrees; the canvas grows, nothing is cut."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from pydantic import Field

from canvasagent.storage.foreign_json import shortened
from canvasagent.tools.base import AssetInfo, Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """The arguments of Rotate."""

    image: str = asset_field("id of the picture to turn")
    angle: int = Field(description="degrees clockwise, -360 to 360, for instance 45, 90 or 180")


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """An angle beyond a full turn is a mistake."""
    if not -360 <= arguments.angle <= 360:
        angle = shortened(str(arguments.angle), 20)
        yield f"argument 'angle': {angle} is more than a full turn; give -360 to 360 degrees clockwise."


def output_pixels(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> int:
    """The pixels of the canvas that holds the whole turned picture, a pixel of rounding on each axis included."""
    width, height = assets["image"].size
    turn = math.radians(arguments.angle)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    return (math.ceil(width * cos + height * sin) + 1) * (math.ceil(width * sin + height * cos) + 1)


def run(call: Call) -> Outcome:
    """Turn clockwise; new corners are white, or transparent where the input has alpha."""
    angle = call.arguments.angle
    turned = call.backend(image=call.pictures["image"], angle=angle)
    return Outcome(f"Rotated image by {angle} degrees", turned, call.kinds["image"])


TOOL = Tool(
    name="Rotate",
    aliases=("ImageRotate",),
    summary="Turn a picture clockwise. The canvas grows so that nothing is cut off.",
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1", "angle": 90},
    check=check,
    output_pixels=output_pixels,
    default_image="image",
)
