"""Grounding: where in a picture something is, as boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from canvasagent.canvas import Kind
from canvasagent.imaging.geometry import box_to_grid
from canvasagent.storage.foreign_json import shortened
from canvasagent.tools.base import AssetInfo, Call, Outcome, Tool, ToolArguments, asset_field, text_problems
from canvasagent.tools.listing import page_lines

EVERYTHING = "everything"
"""The phrase that means all that a backend can find, whatever it is."""


class Arguments(ToolArguments):
    """The arguments of Grounding."""

    image: str = asset_field("id of the picture to search", Kind.IMAGE, Kind.CUTOUT)
    reference_text: str = Field(description="what to look for, in words: 'the red cup'")
    page: int = Field(default=1, ge=1, description="page of a long list")


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """Something must be asked for."""
    return text_problems("reference_text", arguments.reference_text)


def run(call: Call) -> Outcome:
    """Every match, the most certain first. Finding nothing is a finding, not a failure."""
    picture, phrase = call.pictures["image"], call.arguments.reference_text.strip()
    detections = call.backend(image=picture, phrase=phrase)
    data = [
        {"label": item.label, "bbox": box_to_grid(item.box, picture.size), "confidence": round(float(item.score), 4)}
        for item in detections
    ]
    if not data:
        text = f"No objects matching '{shortened(phrase)}' were found in the image."
        return Outcome(text, words=text, data=data)
    lines = [f"- '{item['label']}': {item['bbox']} (confidence: {item['confidence']:.2f})" for item in data]
    text = "\n".join([f"Found {len(data)} objects:", *page_lines(lines, call.arguments.page)])
    return Outcome(text, words="\n".join(f"{item['label']} at {item['bbox']}" for item in data), data=data)


TOOL = Tool(
    name="Grounding",
    aliases=("ImageGrounding",),
    summary="Find every object that a phrase describes: boxes with confidence. Makes no picture.",
    arguments=Arguments,
    makes="text",
    run=run,
    example={"image": "img_1", "reference_text": "the red circle"},
    check=check,
    default_image="image",
)
