"""A wash of one colour over everything."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels
from canvasagent.english.colors import color_named


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Move the chroma in Lab towards the colour's by `strength`; light and shade stay."""
    color = color_named(job.values["color"]) or (128, 128, 128)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(np.array([[color]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    share = min(job.strength, 1.0)
    lightness = lab[..., :1] / 100
    room = np.clip(4 * lightness * (1 - lightness), 0, 1) * 0.75 + 0.25
    lab[..., 1:] += share * room * (goal[1:] - 0.5 * lab[..., 1:])
    return as_pixels(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255)


EDIT = Edit(
    summary="a tint of any colour",
    words=(
        Words(
            things=("{color}[- ](?:tint|tone|cast|filter|wash|overlay|hue|glow|light|lighting)", "tint of {color}"),
            patterns=(
                "tint {where} {amt}(?:in |with )?{color}",
                "tint (?:in |with )?{color}",
                "(?:make|turn) (?:it|the (?:whole |entire )?(?:image|picture|photo)) (?:look )?{color}[- ]?tinted",
                "(?:make|turn) (?:it|this|the (?:whole |entire )?(?:image|picture|photo)) {amt}(?:in |all )?{color}",
            ),
        ),
    ),
    examples=("add a blue tint", "tint it purple", "give the picture a green cast"),
    apply=apply,
    strength=0.35,
    check=lambda values: color_named(values.get("color", "")) is not None,
)
