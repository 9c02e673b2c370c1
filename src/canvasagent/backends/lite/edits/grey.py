"""Black and white."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Take the colours out; all three channels are equal at the full strength of 1."""
    share = min(job.strength, 1.0)
    grey = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return grey if share == 1 else as_pixels(pixels * (1 - share) + grey * share)


EDIT = Edit(
    summary="black and white",
    words=(
        Words(
            adjectives=(
                "black[- ](?:and|&|n)[- ]white",
                "gr[ae]y[- ]?scale",
                "monochrom(?:e|atic)",
                "b ?(?:&|/) ?w",
                "colou?rless",
            ),
            styles=("black[- ](?:and|&|n)[- ]white", "gr[ae]y[- ]?scale", "b ?(?:&|/) ?w", "monochrome"),
            patterns=(
                "(?:remove|take out|drop|get rid of|strip) (?:all )?(?:of )?(?:the )?colou?rs?(?: (?:from|of|"
                "in) {where})?",
                "(?:make|turn) {where} {amt}gr[ae]y(?:ish)?[- ]?toned",
                "(?:make|turn|convert|change) (?:it|this|everything|(?:the|this) (?:whole |entire )?(?:image|picture|"
                "photo)) (?:in)?(?:to )?gr[ae]y",
                "gr[ae]y",
            ),
            verbs=("decolou?ri[sz]e",),
        ),
    ),
    examples=("make it black and white", "convert to greyscale", "remove the colour"),
    apply=apply,
)
