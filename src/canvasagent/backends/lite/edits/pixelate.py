"""Coarse blocks, to make something unrecognisable."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Blocks of `strength` % of the shorter side, or of a twelfth of a small place."""
    height, width = pixels.shape[:2]
    extent = float(min(height, width))
    if job.mask is not None and job.mask.any():
        rows, columns = np.flatnonzero(job.mask.any(axis=1)), np.flatnonzero(job.mask.any(axis=0))
        extent = min(extent, 3.0 * (min(rows[-1] - rows[0], columns[-1] - columns[0]) + 1))
    block = max(2, round(extent * job.strength / 100))
    small = cv2.resize(pixels, (max(1, -(-width // block)), max(1, -(-height // block))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))


EDIT = Edit(
    summary="pixelate",
    words=(
        Words(
            adjectives=("pixelated", "pixelly", "blocky", "pixellated"),
            verbs=("pixell?ate", "censor", "pixeli[sz]e"),
            things=("pixelation", "mosaic", "pixel"),
            styles=("pixel art", "mosaic"),
        ),
    ),
    examples=("pixelate the picture", "turn it into pixel art", "censor the circle"),
    apply=apply,
    strength=2.8,
)
