"""A cartoon: flat colours and dark outlines."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import REDUCED, Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Bilateral smoothing, fewer tones, and the outlines of the large shapes drawn dark."""
    height, width = pixels.shape[:2]
    scale = max(min(height, width) / 512, 0.25)
    small = (
        cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) if min(height, width) > 300 else pixels
    )
    for _ in range(4):
        small = cv2.bilateralFilter(small, 7, 32, 7)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    steps = lab[..., 0] / 9
    base = np.floor(steps)
    lab[..., 0] = 9 * (base + 0.5 + np.tanh(5 * (steps - base - 0.5)) / 2.2)
    lab[..., 1:] *= 1.35
    flat = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255
    grey = cv2.GaussianBlur(cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.9 * scale)
    wide = cv2.GaussianBlur(grey, (0, 0), 3.2 * scale)
    ink = np.clip((wide - grey - 3.5) / 9, 0, 1)
    drawn = flat * (1 - 0.85 * ink[..., None])
    share = min(job.strength, 1.0)
    return as_pixels(drawn * share + pixels * (1 - share))


EDIT = Edit(
    summary="cartoon",
    words=(
        Words(
            adjectives=("cartoon(?:ish|y)?", "comic[- ]?(?:book)?(?:[- ]like)?"),
            verbs=("cartooni[sz]e", "toonify"),
            things=("cartoon",),
            styles=("cartoon(?: drawing)?", "comic(?:[- ]book)?", "comic strip", "graphic novel", "toon"),
        ),
    ),
    examples=("turn it into a cartoon", "cartoonize the photo", "comic book style"),
    apply=apply,
    working=REDUCED,
)
