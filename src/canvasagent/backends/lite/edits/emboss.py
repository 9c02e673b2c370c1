"""A relief: as if pressed into grey metal and lit from the top left."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Middle grey plus the slope of the lightness towards the bottom right, `strength` times."""
    scale = max(min(pixels.shape[:2]) / 512, 0.5)
    light = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.6 * scale)
    step = max(1, round(scale))
    padded = cv2.copyMakeBorder(light, step, step, step, step, cv2.BORDER_REPLICATE)
    slope = padded[2 * step :, 2 * step :] - padded[: -2 * step, : -2 * step]
    return np.repeat(as_pixels(128 - job.strength * slope)[..., None], 3, axis=2)


EDIT = Edit(
    summary="emboss",
    words=(
        Words(
            adjectives=("embossed",),
            verbs=("emboss",),
            things=("emboss(?:ing|ed)?", "relief"),
            styles=("(?:a |an )?(?:embossed )?(?:bas-)?relief", "embossing", "embossed metal"),
        ),
    ),
    examples=("emboss it", "make it look embossed", "apply an emboss filter", "turn it into a relief"),
    apply=apply,
    strength=1.6,
)
