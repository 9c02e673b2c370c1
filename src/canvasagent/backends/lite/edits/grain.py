"""Film grain."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Grey grain of seeded noise, strongest in the mid-tones."""
    height, width = pixels.shape[:2]
    noise = np.random.default_rng(job.seed).normal(0, 1, (height, width)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), max(0.6, 0.7 * min(height, width) / 512))
    grain /= max(float(grain.std()), 1e-6)
    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return as_pixels(pixels + (job.strength * 16 * (0.4 + 2.4 * light * (1 - light)) * grain)[..., None])


EDIT = Edit(
    summary="film grain",
    words=(
        Words(
            adjectives=("grain(?:y|ier)", "nois(?:y|ier)"),
            nouns=("grain", "noise"),
            things=("(?:film |analog(?:ue)? )?(?:grain|noise)",),
        ),
    ),
    examples=("add film grain", "make it grainy", "add some noise"),
    apply=apply,
)
