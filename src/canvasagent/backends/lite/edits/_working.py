"""Edits at a bounded size: a large picture is worked on in a smaller copy, and what comes out is brought up again."""

from __future__ import annotations

import cv2
import numpy as np

from canvasagent.backends.lite.edits._job import Job, Mask, Pixels
from canvasagent.backends.lite.edits._spec import Edit
from canvasagent.concurrency.cancellation import check_cancelled
from canvasagent.imaging.geometry import LARGE_PIXELS, Size, shrunk_size


def applied(edit: Edit, pixels: Pixels, job: Job, large: int = LARGE_PIXELS) -> Pixels:
    """What `edit` makes of (height, width, 3) `pixels`, of the same height and width.

    Pictures of up to `large` pixels are worked on as they are, and so are larger ones within the edit's own working
    size. On a copy an edit is given the mask of the job in that size, but neither text nor faces.
    """
    height, width = pixels.shape[:2]
    share = edit.working.share
    size = shrunk_size((width, height), large * share) if share is not None else (width, height)
    if height * width <= large or size == (width, height):
        return edit.apply(pixels, job)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    mask = None if job.mask is None else _reduced(job.mask, size)
    check_cancelled()
    changed = edit.apply(small, Job(job.strength, job.sign, job.values, mask, job.seed))
    check_cancelled()
    if not edit.working.keeps_detail:
        return np.asarray(cv2.resize(changed, (width, height), interpolation=cv2.INTER_CUBIC))
    difference = cv2.resize(cv2.subtract(changed, small, dtype=cv2.CV_16S), (width, height))
    return np.asarray(cv2.add(pixels, difference, dtype=cv2.CV_8U))


def _reduced(mask: Mask, size: Size) -> Mask:
    """The mask of a smaller copy: all that has any of the place in it, so that no place is lost."""
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)
