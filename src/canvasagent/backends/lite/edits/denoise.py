"""Less noise, by non-local means."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Remove noise of the level that is measured in the picture, times `strength`."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    # The median keeps edges out of the estimate (Immerkær's kernel, which is blind to slopes).
    noise = float(np.median(np.abs(cv2.filter2D(grey, -1, kernel)))) / 0.6745 / 6
    level = float(np.clip(job.strength * (2.5 + 1.1 * noise), 1, 40))
    return np.asarray(cv2.fastNlMeansDenoisingColored(pixels, None, level, level, 5, 13))


EDIT = Edit(
    summary="less noise",
    words=(
        Words(
            adjectives=("less (?:noisy|grainy)", "clean(?:er)?", "smooth(?:er)?", "noise[- ]free"),
            verbs=("denoise", "de-noise", "clean(?: up)?", "smooth(?:en)?(?: out)?"),
            patterns=(
                "(?:remove|reduce|get rid of|suppress|take out|lower|decrease|filter out|clean up) (?:the |all "
                "|some |all the )?"
                "(?:image |digital |colou?r )?(?:noise|grain|speckles?|graininess)(?: (?:from|in|of) {where})?",
                "less (?:noise|grain|graininess)(?: in {where})?",
                "noise (?:reduction|removal)",
                "{where} is {too} (?:noisy|grainy)(?P<lower>)",
            ),
        ),
    ),
    examples=("remove the noise", "denoise the photo", "make it less noisy"),
    apply=apply,
)
