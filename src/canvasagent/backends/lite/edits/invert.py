"""The negative of the colours."""

from __future__ import annotations

import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Every channel from the other end."""
    return as_pixels(255 - pixels.astype(np.float32))


EDIT = Edit(
    summary="inverted colours",
    words=(
        Words(
            adjectives=("inverted", "negative"),
            verbs=("invert", "negate"),
            styles=("(?:photo(?:graphic)? )?negative", "film negative", "x-?ray"),
            patterns=(
                "(?:invert|reverse|negate|swap) (?:the |its |all |all the )?colou?rs(?: (?:of|in) {where})?",
                "colou?r inversion",
            ),
        ),
    ),
    examples=("invert the colours", "make it a negative", "invert the picture"),
    apply=apply,
)
