"""Another background behind the subject: a colour, a gradient, or one of the procedural grounds."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import BACKGROUND, Edit, Job, Pixels, Words, as_pixels
from canvasagent.backends.lite.scenery import ground_for


def apply(pixels: Pixels, job: Job) -> Pixels:
    """Paint the ground over the mask, with an edge of about a pixel."""
    ground = ground_for(job.values["new"])
    if ground is None:
        return pixels
    height, width = pixels.shape[:2]
    painted = ground((width, height), job.seed)
    if job.mask is None:
        return painted
    share = cv2.GaussianBlur(job.mask.astype(np.float32), (0, 0), 1.0)[..., None]
    share = np.where(job.mask[..., None], np.clip(2 * share - 0.6, 0, 1), 0)
    return as_pixels(pixels * (1 - share) + painted * share)


EDIT = Edit(
    summary="another background: a colour, a gradient, sky, sunset, sea, night, paper, wood, brick",
    words=(
        Words(
            patterns=(
                "(?:replace|change|swap|switch|set|turn|make|exchange|substitute|fill|paint|colou?r) (?:out "
                ")?(?:the |its |this )?(?:whole |entire )?"
                "back ?(?:ground|drop) (?:colou?r )?(?:with|to|into|by|for|as|in)? ?{new}",
                "(?:replace|change|swap|set) (?:the )?background of {whole} (?:with|to|into|by|for) {new}",
                "{add} {a}{new} back ?(?:ground|drop)(?: to (?:it|the (?:image|picture|photo)))?",
                "{give} (?:it|the (?:image|picture|photo|subject)|{whole}) (?:an? )?{new} back ?(?:ground|drop)",
                "(?:on|in front of|against|over) (?:an? |the )?{new}(?: back ?(?:ground|drop))?",
                "(?:put|place|set|show) (?:it|the subject|the main subject|the object) (?:on|in front of|"
                "against|over|onto) (?:an? |the )?{new}",
                "an? {new} back ?(?:ground|drop)",
                "{new} back ?(?:ground|drop)",
                "(?:a )?new background: {new}",
            ),
        ),
    ),
    examples=("replace the background with blue", "make the background white", "change the background to a brick wall"),
    apply=apply,
    where=BACKGROUND,
    blends=False,
    check=lambda values: ground_for(values.get("new", "")) is not None,
)
