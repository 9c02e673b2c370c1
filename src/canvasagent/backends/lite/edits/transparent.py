"""Make a place transparent: the background, most often."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._spec import BACKGROUND, Edit, Job, Pixels, Words, as_pixels


def apply(pixels: Pixels, job: Job) -> Pixels:
    """RGBA: alpha 0 in the mask, a soft edge of about a pixel inside of it, 255 elsewhere."""
    mask = np.ones(pixels.shape[:2], bool) if job.mask is None else job.mask
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)
    gone = np.where(mask, np.clip(2 * soft - 0.6, 0, 1), 0)
    return np.dstack([pixels[..., :3], as_pixels(255 * (1 - gone))])


EDIT = Edit(
    summary="transparent background",
    words=(
        Words(
            patterns=(
                "(?:remove|delete|erase|cut out|get rid of|take out|drop|clear|strip|take away|eliminate) "
                "(?:the |its |all (?:of )?the )?"
                "(?:entire |whole )?back ?(?:ground|drop)(?: (?:of|from|in) {whole})?",
                "(?:make|turn|set|change) (?:the |its )?back ?(?:ground|drop)(?: to| into)?(?: be)? transparent",
                "(?:make|turn) {where} transparent",
                "{add} {a}transparent back ?(?:ground|drop)",
                "(?:on |a |an )?transparent back ?(?:ground|drop)",
                "(?:replace|change) (?:the )?background (?:with|to|into) (?:a )?transparen(?:t|cy)(?: one| "
                "background)?",
                "(?:cut out|isolate|extract) (?:the )?(?:main )?(?:subject|foreground|object)",
                "background removal",
            ),
        ),
    ),
    examples=("remove the background", "make the background transparent", "transparent background"),
    apply=apply,
    where=BACKGROUND,
    blends=False,
)
