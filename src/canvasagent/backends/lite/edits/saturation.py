"""Stronger or weaker colours."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Scale the chroma in Lab by 1 ± `strength`, dull colours more than vivid ones, so that nothing glares."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    if job.sign < 0:
        factor: np.ndarray | float = max(1 - job.strength, 0.0)
    else:
        chroma = np.hypot(lab[..., 1], lab[..., 2])
        factor = (1 + job.strength * np.clip(1.25 - chroma / 110, 0.15, 1.0))[..., None]
    lab[..., 1:] *= factor
    return as_pixels(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255)


EDIT = Edit(
    summary="stronger or weaker colours",
    words=(
        Words(
            adjectives=(
                "colou?rful",
                "vivid",
                "vibrant",
                "saturated",
                "livel(?:y|ier)",
                "richer",
                "less (?:dull|muted|pale)",
            ),
            nouns=("saturation", "vibrance", "vibrancy", "colou?rfulness", "colou?rs?", "colou?r intensity"),
            verbs=("saturate",),
            patterns=(
                "{make} (?:the |its |all |all the )?colou?rs(?: of {where})? {amt}(?:pop|stand out|stronger|"
                "more intense|bolder|richer)",
            ),
        ),
        Words(
            sign=-1,
            adjectives=("dull(?:er)?", "muted", "desaturated", "pale(?:r)?", "less intense"),
            verbs=("desaturate", "mute"),
            patterns=("{make} (?:the |its |all |all the )?colou?rs(?: of {where})? {amt}(?:weaker|softer|fainter)",),
        ),
    ),
    examples=("more vivid colours", "desaturate it slightly", "boost the saturation by 40%"),
    apply=apply,
    strength=0.5,
)
