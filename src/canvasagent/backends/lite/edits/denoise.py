"""Less noise, by non-local means."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words
from canvasagent.backends.lite.tiling import in_tiles
from canvasagent.imaging.geometry import LARGE_PIXELS

_PATCH, _WINDOW = 5, 13
"""Sides of the patches that are compared, and of the window in which, in pixels."""


def apply(pixels: Pixels, job: Job, large: int = LARGE_PIXELS) -> Pixels:
    """Remove noise of the level that is measured in the picture, times `strength`.

    Of pictures of more than `large` pixels the colours are cleaned at half their size, as JPEG and video keep them.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    # The median keeps edges out of the estimate (Immerkær's kernel, which is blind to slopes).
    noise = float(np.median(np.abs(cv2.filter2D(grey, -1, kernel)))) / 0.6745 / 6
    level = float(np.clip(job.strength * (2.5 + 1.1 * noise), 1, 40))
    reach = _PATCH // 2 + _WINDOW // 2
    if pixels.shape[0] * pixels.shape[1] > large:
        return in_tiles(pixels, lambda part: _colours_at_half_size(part, level), margin=2 * reach)
    return in_tiles(
        pixels,
        lambda part: np.asarray(cv2.fastNlMeansDenoisingColored(part, None, level, level, _PATCH, _WINDOW)),
        margin=reach,
    )


def _colours_at_half_size(part: Pixels, level: float) -> Pixels:
    """What `fastNlMeansDenoisingColored` does, the two planes of colour at half their size, where noise is half."""
    lab = cv2.cvtColor(part, cv2.COLOR_LBGR2Lab)
    height, width = part.shape[:2]
    light = cv2.fastNlMeansDenoising(np.ascontiguousarray(lab[..., 0]), None, level, _PATCH, _WINDOW)
    half = cv2.resize(lab[..., 1:], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    colours = cv2.resize(cv2.fastNlMeansDenoising(half, None, level / 2, _PATCH, _WINDOW), (width, height))
    return np.asarray(cv2.cvtColor(np.dstack([light, colours]), cv2.COLOR_Lab2LBGR))


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
