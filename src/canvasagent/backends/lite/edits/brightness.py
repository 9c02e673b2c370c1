"""Brighter or darker, without burning out the lights."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Raise or lower the mid-tones by a curve that keeps black and white; `strength` 0.3 is a clear change."""
    amount = job.strength if job.sign > 0 else job.strength / (1 + 0.35 * job.strength)
    exponent = (1 + 2.2 * amount) ** -job.sign
    curve = 255 * (np.arange(256) / 255) ** exponent
    gain = 1 + 0.12 * job.sign * min(amount, 1.0)
    return np.asarray(cv2.LUT(pixels, as_pixels(curve * gain)))


EDIT = Edit(
    summary="brighter or darker",
    words=(
        Words(
            adjectives=(
                "bright(?:er)?",
                "light(?:er)?",
                "brightened",
                "better lit",
                "well[- ]lit",
                "less (?:dim|gloomy|murky)",
            ),
            nouns=("brightness", "exposure", "light", "lightness", "luminosity", "luminance", "illumination"),
            verbs=("brighten(?: up)?", "lighten(?: up)?", "illuminate", "light up", "expose more"),
        ),
        Words(
            sign=-1,
            adjectives=("dark(?:er)?", "dim(?:mer)?", "darkened", "moodier", "gloom(?:y|ier)", "underexposed"),
            nouns=("darkness",),
            verbs=("darken", "dim", "shade"),
        ),
    ),
    examples=("make it brighter", "darken the picture a bit", "increase the brightness by 30 %"),
    apply=apply,
    strength=0.3,
)
