"""A watercolour painting."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import REDUCED, Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Smooth washes of colour with darker edges, on paper; `strength` under 1 is blended with the picture."""
    height, width = pixels.shape[:2]
    scale = min(height, width) / 512
    soft = cv2.edgePreservingFilter(pixels, flags=cv2.RECURS_FILTER, sigma_s=12 + 24 * scale, sigma_r=0.32)
    soft = cv2.medianBlur(soft, 3 if scale < 0.75 else 5).astype(np.float32)
    pooled = cv2.GaussianBlur(soft, (0, 0), max(1.0, 3 * scale)) - soft
    washes = soft - 0.55 * np.clip(pooled.mean(axis=2, keepdims=True), 0, 60)
    light = np.random.default_rng(job.seed).normal(0, 1, (height, width)).astype(np.float32)
    paper = cv2.GaussianBlur(light, (0, 0), max(0.8, 1.6 * scale))
    blooms = cv2.GaussianBlur(light, (0, 0), max(3.0, 18 * scale))
    texture = 1 + 0.02 * paper / max(float(paper.std()), 1e-6) + 0.025 * blooms / max(float(blooms.std()), 1e-6)
    lifted = 255 - (255 - washes) * 0.86 * texture[..., None]
    hsv = cv2.cvtColor(as_pixels(lifted), cv2.COLOR_RGB2HSV)
    hsv[..., 1] = cv2.convertScaleAbs(hsv[..., 1], alpha=1.25)
    painted = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    share = min(job.strength, 1.0)
    return as_pixels(painted * share + pixels * (1 - share))


EDIT = Edit(
    summary="watercolour",
    words=(
        Words(
            adjectives=("painterly", "stylized", "stylised", "artistic", "watercolou?red"),
            verbs=("stylize", "stylise", "watercolou?r"),
            things=("watercolou?r",),
            styles=(
                "water[- ]?colou?r(?: painting)?",
                "aquarelle",
                "painting",
                "painted picture",
                "gouache(?: painting)?",
            ),
        ),
    ),
    examples=("turn it into a watercolour", "watercolor style", "make it look like a painting"),
    apply=apply,
    working=REDUCED,
)
