"""Flip: mirror a picture left to right."""

from __future__ import annotations

from canvasagent.tools.base import Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """The arguments of Flip."""

    image: str = asset_field("id of the picture to mirror")


def run(call: Call) -> Outcome:
    """Mirror left and right; masks stay masks and transparency is kept."""
    return Outcome("Flipped image horizontally", call.backend(image=call.pictures["image"]), call.kinds["image"])


TOOL = Tool(
    name="Flip",
    aliases=("ImageFlip",),
    summary="Mirror a picture left to right.",
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1"},
    default_image="image",
)
