"""The brown of old prints."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels

_STOPS = (0, 70, 140, 205, 255)
_TONES = ((22, 12, 6), (92, 60, 36), (166, 126, 86), (226, 196, 154), (255, 244, 222))
"""The print's colour at grey levels `_STOPS`: from the brown of its shadows to cream paper."""


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Tone to sepia; `strength` under 1 leaves some of the colours."""
    share = min(job.strength, 1.0)
    levels = np.arange(256)
    curve = np.stack([np.interp(levels, _STOPS, [tone[channel] for tone in _TONES]) for channel in range(3)], axis=1)
    toned = curve[cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)]
    return as_pixels(pixels * (1 - share) + toned * share)


EDIT = Edit(
    summary="sepia",
    words=(
        Words(
            adjectives=("sepia(?:[- ]toned)?",),
            things=("sepia", "sepia[- ]tone"),
            styles=(
                "sepia",
                "(?:old|old[- ]time|aged|antique|19th[- ]century) (?:photo|photograph|print)",
                "daguerreotype",
            ),
        ),
    ),
    examples=("turn it into sepia", "apply a sepia tone", "make it look like an old photo"),
    apply=apply,
)
