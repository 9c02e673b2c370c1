"""Warmer or cooler light."""

from __future__ import annotations

import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Shift the white balance: `strength` 0.3 is a clear change; the luminance stays as it was."""
    shift = job.sign * min(job.strength, 1.5)
    linear = (pixels.astype(np.float32) / 255) ** 2.2
    gains = np.array([1 + 0.55 * shift, 1 + 0.06 * shift, 1 - 0.5 * shift], np.float32)
    if shift < 0:
        gains = np.array([1 / (1 - 1.1 * shift), 1.0, 1 - 0.9 * shift], np.float32)
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    changed = linear * np.clip(gains, 0.1, 3)
    before, after = linear @ weights, changed @ weights
    changed *= (np.minimum(before / np.maximum(after, 1e-4), 1.6))[..., None]
    return as_pixels(255 * np.clip(changed, 0, 1) ** (1 / 2.2))


EDIT = Edit(
    summary="warmer or cooler light",
    words=(
        Words(
            adjectives=("warm(?:er)?", "less (?:cold|cool|blue|bluish)", "sunnier", "coz(?:y|ier)"),
            nouns=("warmth", "warm tones?", "colou?r temperature", "temperature", "warmness"),
            verbs=("warm(?: up)?",),
            things=("warm(?:er)? (?:light|lighting|tones?|filter|glow|colou?rs?|feel)",),
        ),
        Words(
            sign=-1,
            adjectives=(
                "cool(?:er)?",
                "cold(?:er)?",
                "less (?:warm|orange|yellow|yellowish)",
                "icier",
                "chillier",
                "wintr?y",
            ),
            nouns=("cool tones?", "coolness"),
            verbs=("cool(?: down)?",),
            things=("(?:cool|cold)(?:er)? (?:light|lighting|tones?|filter|colou?rs?|feel)",),
        ),
    ),
    examples=("make it warmer", "cooler tones", "give the photo a slightly warmer look"),
    apply=apply,
    strength=0.38,
)
