"""Sharper, by an unsharp mask on the lightness."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Add `strength` times what a small blur takes away; noise below three grey levels is left alone."""
    scale = max(min(pixels.shape[:2]) / 512, 0.5)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = lab[..., 0]
    detail = light - cv2.GaussianBlur(light, (0, 0), 1.4 * scale)
    lab[..., 0] = np.clip(light + job.strength * np.sign(detail) * np.maximum(np.abs(detail) - 0.6, 0), 0, 100)
    return as_pixels(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255)


EDIT = Edit(
    summary="sharper",
    words=(
        Words(
            adjectives=("sharp(?:er)?", "crisp(?:er)?", "clearer", "less (?:blurry|blurred|soft|fuzzy)", "in focus"),
            nouns=("sharpness", "clarity", "crispness"),
            verbs=("sharpen", "unblur", "deblur", "crispen"),
            patterns=(
                "(?:remove|reduce) (?:the )?blur(?:riness)?(?: (?:from|in|of) {where})?",
                "{where} is {too} blurr(?:y|ed)(?P<lower>)",
            ),
        ),
    ),
    examples=("sharpen the picture", "make it crisper", "increase the sharpness"),
    apply=apply,
    strength=1.0,
)
