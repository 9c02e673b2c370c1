"""Blur, inside a place without drawing in what lies outside of it."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, Working, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """A Gaussian blur of `strength` % of the shorter side; of the place's own shorter side for a small place."""
    side = float(min(pixels.shape[:2]))
    if job.mask is None:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(0.5, side * job.strength / 100)))
    if not job.mask.any():
        return pixels
    rows, columns = np.flatnonzero(job.mask.any(axis=1)), np.flatnonzero(job.mask.any(axis=0))
    extent = float(min(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)
    sigma = max(1.0, job.strength / 100 * (side if extent > 0.75 * side else 4 * extent))
    weight = job.mask.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    blurred = cv2.GaussianBlur(pixels * weight[..., None], (0, 0), sigma) / np.maximum(total, 1e-4)[..., None]
    return np.where(job.mask[..., None], as_pixels(blurred), pixels)


EDIT = Edit(
    summary="blur, everywhere, in the background or of one thing",
    words=(
        Words(
            adjectives=("blurr(?:y|ed|ier)", "out of focus", "soft(?:er)?", "unrecogni[sz]able", "defocus(?:s)?ed"),
            nouns=("blur", "blurriness"),
            verbs=("blur(?: out)?", "soften", "defocus", "anonymi[sz]e", "obscure"),
            things=("(?:gaussian )?blur", "(?:soft|gaussian) (?:blur|focus)"),
            patterns=(
                "{add} {a}{amt}background blur(?P<background>)",
                "{a}{amt}(?:bokeh|shallow depth[- ]of[- ]field)(?: effect)?(?P<background>)",
                "{add} {a}{amt}(?:bokeh|shallow depth[- ]of[- ]field|portrait[- ]mode)(?: effect)?(?P<background>)",
                "(?:give|lend) {where} {a}{amt}(?:bokeh|blurr?(?:ed|y) background|shallow depth[- ]of[- "
                "]field)(?P<background>)",
            ),
        ),
    ),
    examples=("blur the picture", "make it slightly blurry", "apply a gaussian blur"),
    apply=apply,
    working=Working(0.25),
    strength=1.4,
)
