"""Another colour for one thing, with its light, shade and texture kept."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from canvasagent.backends.lite.edits._drawn import Request, with_item
from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels
from canvasagent.english.colors import color_named, drawn_color
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.reading import Drawing


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Bring the masked pixels to the colour in Lab: their lightness by a curve, their chroma by replacement.

    Where the thing has a dominant colour its neutral parts (tyres, glass, highlights) stay neutral.
    """
    color = color_named(job.values["color"]) or (128, 128, 128)
    goal = cv2.cvtColor(np.array([[color]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inside = lab[job.mask] if job.mask is not None else lab.reshape(-1, 3)
    if not len(inside):
        return pixels
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    typical = float(np.percentile(np.hypot(inside[:, 1], inside[:, 2]), 60))
    weight = np.clip((chroma / typical - 0.15) / 0.35, 0, 1) if typical > 18 else np.ones_like(chroma)
    main = inside[np.hypot(inside[:, 1], inside[:, 2]) > 0.4 * typical] if typical > 18 else inside
    middle = float(np.clip(np.median(main[:, 0]), 4, 96))
    flat = float(np.std(main[:, 0])) < 4
    aim = float(goal[0]) if flat else float(np.clip(goal[0], 16, 92))
    result = lab.copy()
    if flat:
        result[..., 0] = np.clip(lab[..., 0] + aim - middle, 0, 100)
    else:
        result[..., 0] = 100 * (np.clip(lab[..., 0], 0, 100) / 100) ** (np.log(aim / 100) / np.log(middle / 100))
    ends = np.clip(
        np.where(result[..., 0] > aim, (100 - result[..., 0]) / max(100 - aim, 1), result[..., 0] / aim), 0, 1
    )
    result[..., 1:] = goal[1:] * (ends[..., None] ** 0.6)
    mixed = lab + (result - lab) * weight[..., None]
    return as_pixels(np.clip(cv2.cvtColor(mixed.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1) * 255)


def revise(request: Request) -> Drawing | None:
    """The things drawn in the colour; what is not of their main colour stays as it is."""
    targets, color = request.targets(), drawn_color(request.values["color"])
    if targets is None or color is None:
        return None
    drawing = request.drawing
    for index in targets:
        item = drawing.items[index]
        if "{main" not in item.placement.sprite.svg:
            raise ToolRefusal(f"a {item.name} of the drawn world has its own colours only; `--profile full` can.")
        drawing = with_item(drawing, index, replace(item, placement=replace(item.placement, color=color)))
    return drawing


EDIT = Edit(
    summary="another colour for a thing that is named or masked",
    words=(
        Words(
            adjectives=("{color}", "{color}[- ]colou?red", "{color} (?:in|as) (?:its )?colou?r"),
            patterns=(
                "(?:paint|colou?r|recolou?r|dye|tint|repaint|recolou?ri[sz]e|colou?ri[sz]e) {where} (?:in |to |"
                "with |into |as )?(?:a )?{color}",
                "(?:change|set|switch|turn|make|alter) (?:the )?colou?r of {where} (?:from (?:[a-z]+ )?[a-z]+ "
                ")?(?:in)?(?:to|as)? ?{color}",
                "(?:change|set|switch|turn|make|alter) {where}(?:'s)? colou?r (?:from (?:[a-z]+ )?[a-z]+ "
                ")?(?:in)?to {color}",
                "(?:change|turn|make) {where} into an? {color} one",
                "(?:change|turn|make|recolou?r) {where} from {color2} (?:in)?to {color}",
            ),
        ),
    ),
    examples=("make the red circle blue", "change the colour of the circle to green", "paint the circle yellow"),
    apply=apply,
    needs_place=True,
    grow=0.003,
    ink=True,
    revise=revise,
    check=lambda values: color_named(values.get("color", "")) is not None,
)
