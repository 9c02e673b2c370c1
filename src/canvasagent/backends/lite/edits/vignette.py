"""Darker corners."""

from __future__ import annotations

import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Darken towards the corners, by `strength` there; `sign` -1 lightens them instead."""
    height, width = pixels.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    far = np.clip((np.sqrt((x * x + y * y) / 2) - 0.3) / 0.7, 0, 1)
    falloff = (far * far * (3 - 2 * far))[..., None] * min(job.strength, 1.0)
    goal = 255.0 if job.sign < 0 else 0.0
    return as_pixels(pixels + (goal - pixels.astype(np.float32)) * falloff)


EDIT = Edit(
    summary="vignette, dark or white",
    words=(
        Words(
            things=("(?:dark |black )?vignett(?:e|ing)", "dark(?:er|ened)? (?:corners|edges|borders)"),
            verbs=("vignette",),
            patterns=(
                "(?:darken|dim) (?:the |its )?(?:corners|edges|borders)(?: of {where})?",
                "{make} the (?:corners|edges) {amt}dark(?:er)?",
                "fade {where}(?: out)? (?:to black )?(?:towards?|to|at|into) the (?:corners|edges|borders|sides)",
            ),
        ),
        Words(
            sign=-1,
            things=("(?:white|light|bright) vignett(?:e|ing)",),
            patterns=("(?:lighten|brighten|fade|whiten) (?:the |its )?(?:corners|edges|borders)(?: of {where})?",),
        ),
    ),
    examples=("add a vignette", "darken the corners", "apply a strong vignette to the photo"),
    apply=apply,
    strength=0.6,
)
