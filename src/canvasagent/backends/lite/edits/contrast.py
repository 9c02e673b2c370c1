"""More or less contrast around the mean tone."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Spread or narrow the tones around their mean by `strength`, with soft ends instead of clipping."""
    middle = float(np.clip(cv2.mean(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[0], 60, 195)) / 255
    tones = np.arange(256) / 255
    if job.sign < 0:
        return np.asarray(cv2.LUT(pixels, as_pixels(255 * (middle + (tones - middle) / (1 + 1.6 * job.strength)))))
    slope = 1 + 1.3 * job.strength
    low, high = middle * (tones / middle) ** slope, 1 - (1 - middle) * ((1 - tones) / (1 - middle)) ** slope
    return np.asarray(cv2.LUT(pixels, as_pixels(255 * np.where(tones < middle, low, high))))


EDIT = Edit(
    summary="more or less contrast",
    words=(
        Words(
            adjectives=(
                "punchy",
                "punchier",
                "contrasty",
                "contrastier",
                "high[- ]contrast",
                "less (?:flat|faded|washed[- ]out|hazy)",
            ),
            nouns=("contrast", "punch", "contrasts", "pop"),
            verbs=("dehaze",),
        ),
        Words(
            sign=-1,
            adjectives=("flat(?:ter)?", "faded", "washed[- ]out", "low[- ]contrast", "hazy", "hazier", "matte"),
            nouns=("haze",),
            verbs=("flatten", "fade", "wash out"),
        ),
    ),
    examples=("more contrast", "reduce the contrast", "make it punchier"),
    apply=apply,
    strength=0.45,
)
