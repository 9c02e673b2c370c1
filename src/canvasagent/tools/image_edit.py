"""ImageEdit: change a picture as words say, everywhere or inside a mask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image
from pydantic import Field

from canvasagent.canvas import Kind
from canvasagent.errors import BackendFailure, ToolRefusal
from canvasagent.storage.foreign_json import shortened
from canvasagent.tools.base import AssetInfo, Call, Outcome, Tool, ToolArguments, asset_field, text_problems
from canvasagent.tools.slots import AssetIds, assets_field

MAX_REFERENCES = 3
"""Further pictures that one edit may use."""
WITHOUT_REFERENCES = (
    "To put a thing of one picture onto another, cut it out (Grounding, SAM, Extract) and lay it on with Overlayer; to "
    "edit a picture by words alone leave references out."
)
"""What to do where other pictures cannot be used."""


class Arguments(ToolArguments):
    """The arguments of ImageEdit."""

    image: str = asset_field("id of the picture to change", Kind.IMAGE, Kind.CUTOUT)
    edit_prompt: str = Field(description="what to change, in words: 'make the sky orange'")
    masked_image: str | None = asset_field(
        "id of a mask of the picture's size: only what it covers changes", Kind.MASK, optional=True
    )
    references: AssetIds = assets_field(
        "ids of up to three further pictures to use; edit_prompt calls them the second, third and fourth picture",
        Kind.IMAGE,
        Kind.CUTOUT,
        most=MAX_REFERENCES,
    )
    added = frozenset({"references"})


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """Something must be asked for, and picture and mask must be of one size."""
    yield from text_problems("edit_prompt", arguments.edit_prompt)
    image, mask = assets["image"], assets.get("masked_image")
    if mask is not None and mask.size != image.size:
        yield (
            f"argument 'masked_image': {mask.id} is {mask.size[0]} × {mask.size[1]}, but {image.id} is "
            f"{image.size[0]} × {image.size[1]}; make the mask on the same picture with SAM."
        )


def _own_pixels(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> int:
    """The result is as large as the picture that is changed; references may be larger."""
    return assets["image"].size[0] * assets["image"].size[1]


def run(call: Call) -> Outcome:
    """The changed picture; outside of a mask every pixel stays as it was.

    It has the same size, unless the backend foretells another (`output_pixels`) and there is no mask. A backend that
    takes no `references` is not given any: the call is refused, and without them it works as ever.
    """
    picture, mask = call.pictures["image"], call.pictures.get("masked_image")
    arguments: dict[str, Any] = {
        "image": picture,
        "prompt": call.arguments.edit_prompt,
        "mask": mask,
        "seed": call.seed,
    }
    if references := call.several("references"):
        refuse_references(len(references), getattr(call.backend, "references", 0))
        arguments["references"] = references
    edited = call.backend(**arguments)
    if edited.size != picture.size and (mask is not None or getattr(call.backend, "output_pixels", None) is None):
        raise BackendFailure(f"the ImageEdit backend gave {edited.size}, not {picture.size}.")
    if mask is not None:
        edited = keep_outside(picture, edited, mask)
    size = f". Output size: {edited.size}" if edited.size != picture.size else ""
    text = f"Edited image as asked: {shortened(call.arguments.edit_prompt)}{size}"
    return Outcome(text, edited, call.kinds["image"])


def refuse_references(given: int, taken: int) -> None:
    """Raise `ToolRefusal` where an edit is given more further pictures than its backend takes: none is left out."""
    if given <= taken:
        return
    if taken:
        raise ToolRefusal(f"this ImageEdit takes no more than {taken} of the {given} references; give fewer.")
    raise ToolRefusal(
        "this ImageEdit cannot use other pictures (references), so nothing was changed. "
        f"{WITHOUT_REFERENCES} `--profile full` and `hosted` can use them."
    )


def keep_outside(before: Image.Image, after: Image.Image, mask: Image.Image) -> Image.Image:
    """`after` where `mask` is not 0, and exactly `before` elsewhere; alpha is kept if either has it."""
    mode = "RGBA" if "A" in before.getbands() or "A" in after.getbands() else "RGB"
    inside = mask.point([0] + [255] * 255)
    return Image.composite(after.convert(mode), before.convert(mode), inside)


TOOL = Tool(
    name="ImageEdit",
    aliases=("Edit",),
    summary=(
        "Change a picture as words say: colours, style, light, objects, background, written text. "
        "Give a mask to change only what it covers."
    ),
    arguments=Arguments,
    makes="same",
    run=run,
    example={"image": "img_1", "edit_prompt": "make it warmer"},
    check=check,
    output_pixels=_own_pixels,
    default_image="image",
)
