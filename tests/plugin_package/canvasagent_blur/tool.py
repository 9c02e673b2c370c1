"""SoftBlur: make a picture less sharp."""

from __future__ import annotations

from pydantic import Field

from canvasagent.canvas import Kind
from canvasagent.tools.base import Call, Outcome, Tool, ToolArguments, asset_field


class Arguments(ToolArguments):
    """What SoftBlur takes."""

    image: str = asset_field("id of the picture to blur", Kind.IMAGE)
    amount: int = Field(default=2, ge=1, le=20, description="how much, from 1 to 20")


def run(call: Call) -> Outcome:
    """The blurred picture, of the same size."""
    blurred = call.backend(image=call.pictures["image"], amount=call.arguments.amount)
    return Outcome(f"Blurred image by {call.arguments.amount}", blurred, call.kinds["image"])


TOOL = Tool(
    name="SoftBlur",
    aliases=("Blur",),
    summary="Blur a picture a little or a lot.",
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1", "amount": 3},
    default_image="image",
)
