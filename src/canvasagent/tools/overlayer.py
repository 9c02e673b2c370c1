"""Overlayer: put text or a cut-out onto a picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from PIL import ImageColor
from pydantic import Field

from canvasagent.canvas import Kind
from canvasagent.english.colors import color_named
from canvasagent.errors import ToolRefusal
from canvasagent.imaging.geometry import point_to_pixels
from canvasagent.tools.base import (
    AssetInfo,
    Call,
    GridPoint,
    Outcome,
    Quad,
    Tool,
    ToolArguments,
    asset_field,
    text_problems,
)

PASTE_KINDS = (Kind.IMAGE, Kind.CUTOUT)


class Arguments(ToolArguments):
    """The arguments of Overlayer."""

    base_image: str = asset_field("id of the picture to put something on", *PASTE_KINDS)
    overlay_type: Literal["text", "object"] = Field(description="what is put on it")
    content: str = Field(description="the text itself, or the id of a picture or cut-out")
    position: GridPoint = Field(default=(500, 500), description="where its centre goes, on the grid")
    scale: float | None = Field(
        default=None,
        description="size factor of the content; left out, an object keeps its size unless it does not fit",
    )
    color: str | None = Field(
        default=None, description="text colour, a name or #rrggbb; readable on its place if left out"
    )
    font_size: float | None = Field(default=None, description="letter height, in grid units of the picture's height")
    quad: Quad | None = Field(
        default=None,
        description="four points, clockwise from top left, that the content fills in perspective; position is ignored",
    )
    opacity: float | None = Field(
        default=None, description="how opaque all that is put on shall be, from 0 to 1; left out, as it is"
    )
    rotation: float | None = Field(default=None, description="degrees by which the content is turned, clockwise")
    background: str | None = Field(
        default=None,
        description="colour of a box behind text, a name, #rrggbb, or #rrggbbaa for one that shines through",
    )
    outline: str | None = Field(default=None, description="colour of a line around the letters of text")
    added = frozenset({"opacity", "rotation", "background", "outline"})


def asset_arguments(raw: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """`content` names an asset only where an object is put on."""
    kinds = tuple(kind.value for kind in PASTE_KINDS)
    return {"base_image": kinds, "content": kinds} if raw.get("overlay_type") == "object" else {"base_image": kinds}


def check(arguments: Arguments, assets: Mapping[str, AssetInfo]) -> Iterable[str]:
    """Text must be there, and size, colour and corners must make sense."""
    if arguments.overlay_type == "text":
        yield from text_problems("content", arguments.content)
    if arguments.scale is not None and not 0.01 <= arguments.scale <= 50:
        yield f"argument 'scale': {arguments.scale}; give a factor from 0.01 to 50."
    if arguments.font_size is not None and not 5 <= arguments.font_size <= 1000:
        yield f"argument 'font_size': {arguments.font_size}; give 5 to 1000 thousandths of the picture's height."
    for name in ("color", "background", "outline"):
        value = getattr(arguments, name)
        if value is not None and not is_color(value):
            yield f"argument '{name}': '{value[:40]}' is no colour; give a name such as 'dark blue', or #rrggbb."
    if arguments.quad is not None and not is_convex(arguments.quad):
        yield (
            "argument 'quad': the four points must go round clockwise from top left: top left, top right, "
            "bottom right, bottom left, without crossing."
        )
    yield from _style_problems(arguments)


def _style_problems(arguments: Arguments) -> Iterable[str]:
    """The problems of opacity and rotation, and arguments that exclude each other."""
    if arguments.opacity is not None and not 0 < arguments.opacity <= 1:
        yield f"argument 'opacity': {arguments.opacity}; give a number above 0, up to 1, such as 0.3 for 30 %."
    if arguments.rotation is not None and not -360 <= arguments.rotation <= 360:
        yield f"argument 'rotation': {arguments.rotation}; give degrees from -360 to 360, clockwise."
    if arguments.rotation is not None and arguments.quad is not None:
        yield "argument 'rotation': the corners of quad say how the content is turned; give only one of the two."
    for name in ("background", "outline"):
        if arguments.overlay_type == "object" and getattr(arguments, name) is not None:
            yield f"argument '{name}': only text has one; leave it out for an object."


def is_color(name: str) -> bool:
    """Whether `name` is a color that can be drawn: a name of CSS or the lexicon (spaces allowed) or #rrggbb."""
    try:
        ImageColor.getrgb(color_name(name))
    except ValueError:
        return False
    return True


def color_name(name: str) -> str:
    """A color as Pillow knows it: `Dark Blue` as `darkblue`, `burgundy`, which CSS lacks, as #rrggbb."""
    joined = re.sub(r"\s+", "", name.strip().lower())
    own = color_named(name) if joined not in ImageColor.colormap else None
    return "#{:02x}{:02x}{:02x}".format(*own) if own and not joined.startswith("#") else joined


def is_convex(quad: tuple[tuple[int, int], ...]) -> bool:
    """Whether four points go round clockwise (y down) and enclose a convex area."""
    for index in range(4):
        (ax, ay), (bx, by), (cx, cy) = (quad[(index + step) % 4] for step in range(3))
        if (bx - ax) * (cy - by) - (by - ay) * (cx - bx) <= 0:
            return False
    return True


def run(call: Call) -> Outcome:
    """The base with the content on it; the base's size stays."""
    arguments, base = call.arguments, call.pictures["base_image"]
    font_size = arguments.font_size * base.height / 1000 if arguments.font_size is not None else None
    styles = _styles(arguments)
    refuse_styles(styles, getattr(call.backend, "styles", ()))
    result = call.backend(
        base=base,
        content=call.pictures["content"] if arguments.overlay_type == "object" else arguments.content,
        center=point_to_pixels(arguments.position, base.size),
        scale=arguments.scale,
        color=color_name(arguments.color) if arguments.color else None,
        font_size=font_size,
        quad=tuple(point_to_pixels(point, base.size) for point in arguments.quad) if arguments.quad else None,
        **styles,
    )
    where = (
        f"in the corners {[list(point) for point in arguments.quad]}"
        if arguments.quad
        else (f"at position {list(arguments.position)}")
    )
    how = "".join(
        f", {name} {value:g}" if isinstance(value, float) else f", {name} {value}" for name, value in styles.items()
    )
    text = f"Overlaid {arguments.overlay_type} onto image {where}{how}. Output size: {result.size}"
    return Outcome(text, result, call.kinds["base_image"])


def _styles(arguments: Arguments) -> dict[str, Any]:
    """The style arguments of the call, which not every backend takes; colours by Pillow's names."""
    styles: dict[str, Any] = {"opacity": arguments.opacity, "rotation": arguments.rotation}
    for name in ("background", "outline"):
        styles[name] = color_name(value) if (value := getattr(arguments, name)) else None
    return {name: value for name, value in styles.items() if value is not None}


def refuse_styles(given: Iterable[str], taken: Iterable[str]) -> None:
    """Raise `ToolRefusal` where an overlay is given a style that its backend does not take: none is left out."""
    if missing := sorted(set(given) - set(taken)):
        raise ToolRefusal(
            f"this Overlayer has no {' and no '.join(missing)}, so nothing was put on; leave out what it lacks, "
            "or use the profile 'lite' or 'full'."
        )


TOOL = Tool(
    name="Overlayer",
    aliases=("Overlay",),
    summary=(
        "Put text, or a cut-out or picture, onto a base picture: centred at a position, or in perspective "
        "into four corners (quad)."
    ),
    arguments=Arguments,
    makes="same",
    run=run,
    example={"base_image": "img_1", "overlay_type": "text", "content": "HELLO", "position": [500, 850]},
    check=check,
    asset_arguments=asset_arguments,
    default_image="base_image",
)
