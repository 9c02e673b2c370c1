"""Contrast evened out over the picture (CLAHE)."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words


def apply(pixels: Pixels, job: Job) -> Pixels:
    """CLAHE on the lightness, clip limit 2.2 × `strength`, laid over the picture at 80 %."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    light = lab[..., 0]
    if min(light.shape) < 16:
        return pixels
    even = cv2.createCLAHE(clipLimit=max(0.5, 2.2 * job.strength), tileGridSize=(6, 6)).apply(
        np.ascontiguousarray(light)
    )
    lab[..., 0] = cv2.addWeighted(light, 0.2, even, 0.8, 0)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


EDIT = Edit(
    summary="local contrast (CLAHE)",
    words=(
        Words(
            nouns=("local contrast", "micro[- ]?contrast", "dynamic range", "structure"),
            things=("clahe", "hdr", "local contrast"),
            adjectives=("hdr",),
            styles=("hdr",),
            verbs=("equali[sz]e",),
            patterns=(
                "(?:bring out|lift|open(?: up)?|recover|brighten|lighten) (?:the )?(?:details? in the "
                ")?(?:shadows|dark areas|dark parts)(?: (?:of|in) {where})?",
                "(?:equali[sz]e|even out) (?:the )?(?:histogram|lighting|light|tones|illumination|contrast)(?: "
                "of {where})?",
                "adaptive histogram equali[sz]ation",
            ),
        ),
    ),
    examples=("more local contrast", "apply CLAHE", "bring out the shadows"),
    apply=apply,
)
