"""What OpenCV's neighbourhood filters cost by their arguments: so that slow edits are found without a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import cv2
import numpy as np

SLOW = 500.0
"""Taken for filters whose cost does not follow from a window."""


@dataclass
class Cost:
    """Values that were read, over all pixels and channels of what was filtered."""

    total: float = 0.0


def _taps(name: str, source: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> float:
    """Values that a filter reads for one value that it makes."""
    if name == "GaussianBlur":
        size, sigma = arguments[0], arguments[1]
        reach = 3 if source.dtype == np.uint8 else 4
        return float(sum(size)) if size[0] else 2.0 * round(sigma * 2 * reach + 1)
    if name == "filter2D":
        return float(np.size(arguments[1]))
    if name == "bilateralFilter":
        return float(arguments[0] ** 2)
    if name in ("dilate", "erode"):
        return float(sum(np.shape(arguments[0])))
    return SLOW


FILTERS = (
    *("GaussianBlur", "filter2D", "bilateralFilter", "dilate", "erode", "edgePreservingFilter", "detailEnhance"),
    *("stylization", "pencilSketch", "fastNlMeansDenoising", "fastNlMeansDenoisingColored", "inpaint", "grabCut"),
)
"""The filters of OpenCV whose cost a pixel grows with their window; box and median filters take the same for any."""


@contextmanager
def counted() -> Iterator[Cost]:
    """Count what the filters cost that are called inside."""
    cost = Cost()

    def watch(name: str) -> Any:
        filter = getattr(cv2, name)

        def filtered(source: Any, *arguments: Any, **named: Any) -> Any:
            cost.total += _taps(name, source, arguments, named) * np.size(source)
            return filter(source, *arguments, **named)

        return filtered

    with mock.patch.multiple(cv2, **{name: watch(name) for name in FILTERS}):
        yield cost
