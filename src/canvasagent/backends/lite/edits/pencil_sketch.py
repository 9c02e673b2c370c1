"""A pencil drawing on white paper."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import REDUCED, Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Dodge the grey picture by its blurred negative and add the darker tones as light hatching on grained paper."""
    height, width = pixels.shape[:2]
    scale = max(min(height, width) / 512, 0.25)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    calm = cv2.bilateralFilter(grey, 5, 25, 4)
    lines = np.clip(calm / np.maximum(cv2.GaussianBlur(calm, (0, 0), 5 * scale), 1) * 255, 0, 255) / 255
    shade = cv2.GaussianBlur(calm, (0, 0), 1.5 * scale) / 255
    noise = np.random.default_rng(job.seed).normal(0, 1, (height, width)).astype(np.float32)
    length = max(3, round(9 * scale))
    hatch = cv2.filter2D(noise, -1, np.eye(length, dtype=np.float32)[::-1] / length)
    hatch /= max(float(hatch.std()), 1e-6)
    tone = 1 - np.clip(0.62 - shade, 0, 1) * (0.75 + 0.22 * hatch)
    drawn = np.clip(lines**2.2 * tone, 0.08, 1) * 250
    share = min(job.strength, 1.0)
    return as_pixels(drawn[..., None] * share + pixels * (1 - share))


EDIT = Edit(
    summary="pencil sketch",
    words=(
        Words(
            adjectives=("sketch(?:y|ed)", "hand[- ]drawn", "pencil[- ]drawn"),
            styles=(
                "(?:pencil|graphite|charcoal|line|black[- ]and[- ]white)[- ]?(?:sketch|drawing)",
                "sketch",
                "drawing",
                "pencil",
                "line art",
            ),
            patterns=("(?:sketch|draw) {where}",),
        ),
    ),
    examples=("turn it into a pencil sketch", "make it look like a drawing", "pencil drawing style"),
    apply=apply,
    working=REDUCED,
)
