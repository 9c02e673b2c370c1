"""ImageGeneration: a new picture from words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from canvasagent.tools.base import (
    AssetInfo,
    Call,
    Outcome,
    Tool,
    ToolArguments,
    integers,
    numbers,
    text_problems,
)

SIDE = (16, 4096)
"""Smallest and largest width or height that may be asked for, in pixels."""


class Arguments(ToolArguments):
    """The arguments of ImageGeneration."""

    prompt: str = Field(description="what the picture shows, in words")
    size: Annotated[tuple[int, int] | None, BeforeValidator(numbers), integers(2)] = Field(
        default=None, description="[width, height] in pixels; the model's own size if left out"
    )


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """Something must be asked for, at a size that can be made."""
    yield from text_problems("prompt", arguments.prompt)
    if arguments.size and not all(SIDE[0] <= side <= SIDE[1] for side in arguments.size):
        yield f"argument 'size': {list(arguments.size)}; width and height run from {SIDE[0]} to {SIDE[1]} pixels."


def output_pixels(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> int:
    """The asked-for size, or a square of 1024."""
    width, height = arguments.size or (1024, 1024)
    return width * height


def run(call: Call) -> Outcome:
    """A new picture; the same prompt and seed give the same one."""
    picture = call.backend(prompt=call.arguments.prompt, size=call.arguments.size, seed=call.seed)
    return Outcome(f"Generated image from the prompt. Output size: {picture.size}", picture)


TOOL = Tool(
    name="ImageGeneration",
    aliases=("Generation", "Gen"),
    summary="Make a new picture from a description in words.",
    arguments=Arguments,
    makes="image",
    run=run,
    example={"prompt": "a red circle on a white background"},
    check=check,
    output_pixels=output_pixels,
)
