"""The final picture is a cut-out: its background is transparent, its thing is solid and fills the picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageFilter
from pydantic import Field

from canvasagent.rewards.checks._pixels import Array, final_of, needs_picture, share
from canvasagent.rewards.checks.base import Check, Example, Finding, Parameters, Result
from canvasagent.sketch.sprite import all_sprites


class Transparent(Parameters):
    """What `transparent` takes."""

    tight: bool = False
    """Whether the thing must reach the picture's edges, as after Extract."""
    least: float = Field(default=0.02, ge=0, le=1)
    """Share of the picture that must be transparent (alpha below 32 of 255)."""
    margin: float = Field(default=0.03, ge=0, le=0.5)
    """Of a tight cut-out: free border allowed on each side, as a share of that axis (two pixels always are)."""


@needs_picture
def measure(parameters: Transparent, result: Result) -> Finding:
    """Transparent is alpha < 32, solid > 223; at least 60 % of what is not transparent must be solid."""
    final = final_of(result)
    if "A" not in final.getbands() and "transparency" not in final.info:
        return Finding(0.0, False, "the picture has no transparency at all")
    alpha = np.asarray(final.convert("RGBA"))[..., 3]
    clear, solid = float((alpha < 32).mean()), float((alpha > 223).mean())
    if clear < parameters.least:
        return Finding(share(0.5 * clear / max(parameters.least, 1e-6)), False, f"only {clear:.1%} is transparent")
    if not solid:
        return Finding(0.0, False, "nothing solid is left in the picture")
    firm = solid / max(1 - clear, 1e-6)
    if firm < 0.6:
        return Finding(share(firm), False, f"{1 - firm:.0%} of what is there is half transparent")
    margins = _margins(alpha)
    loose = max(margins)
    if parameters.tight and loose > parameters.margin:
        return Finding(share(0.9 - loose), False, f"the cut-out is loose: {loose:.0%} of one side is empty")
    return Finding(1.0, True, f"{clear:.0%} is transparent, {solid:.0%} solid; empty border at most {loose:.0%}")


def _margins(alpha: Array) -> list[float]:
    """Empty border left, right, top, bottom as shares of the axis; up to two pixels count as none."""
    rows, columns = (np.flatnonzero((alpha >= 32).any(axis=axis)) for axis in (1, 0))
    free = []
    for filled, length in ((columns, alpha.shape[1]), (rows, alpha.shape[0])):
        for edge in (int(filled[0]), length - 1 - int(filled[-1])):
            free.append(0.0 if edge <= 2 else edge / length)
    return free


def examples(seed: int) -> Iterable[Example]:
    """Sprites cut out cleanly; with a ground left, loose, ghostly, empty, or with a tiny hole only."""
    names = ("dog", "car", "tree", "cat", "chair", "teddy bear")
    for index, name in enumerate(names):
        cut = all_sprites()[name].picture(96 + 8 * (seed % 5)).copy()
        soft = cut.copy()
        soft.putalpha(cut.getchannel("A").filter(ImageFilter.GaussianBlur(1)))
        yield Example({"tight": True}, Result((cut, soft)[index % 2]), True, 1 - 0.3 * (index % 2))
        yield Example({"tight": True}, Result(_broken(cut, index)), False, 1 - 0.15 * index)
    loose = _loose(cut)
    yield Example({}, Result(loose), True)
    yield Example({"tight": True}, Result(loose), False)


def _loose(cut: Image.Image, by: float = 0.2) -> Image.Image:
    border = round(by * cut.width)
    wide = Image.new("RGBA", (cut.width + 2 * border, cut.height), (0, 0, 0, 0))
    wide.paste(cut, (border, 0))
    return wide


def _broken(cut: Image.Image, way: int) -> Image.Image:
    ghost = cut.copy()
    ghost.putalpha(cut.getchannel("A").point([value // 3 for value in range(256)]))
    ground = Image.new("RGBA", cut.size, "white")
    ground.alpha_composite(cut)
    hole = ground.copy()
    hole.putpixel((0, 0), (0, 0, 0, 0))
    empty = Image.new("RGBA", cut.size, (0, 0, 0, 0))
    return (ground.convert("RGB"), ground, empty, ghost, _loose(cut), hole)[way]


CHECK = Check(
    name="transparent",
    summary="The background of the final picture is transparent and, if asked, the cut-out is tight.",
    parameters=Transparent,
    measure=measure,
    examples=examples,
    means="The alpha channel itself. Whether the right thing was cut out is for `contains_input` or `object_present`.",
)
