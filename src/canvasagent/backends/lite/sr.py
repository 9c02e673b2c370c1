"""Super-resolution: a small trained network; without its file, Lanczos and iterative back-projection.

The network (`enhancer.py`) is nearer to the original on photographs, text and drawings: `benchmarks/enlargement.py`.
Back-projection corrects an enlargement until shrinking it again gives the picture back, so no detail of the input is
lost and none is invented; it also enlarges transparency.
Source: M. Irani and S. Peleg, "Improving resolution by image registration", CVGIP 53(3), 1991.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.lite import enhancer
from canvasagent.backends.lite.tiling import tiles

SCALE = 4
"""What the SR tool promises: four times the width and height."""
OVERLAP = 32
"""Pixels that tiles of the input reach into one another, so that no seam is seen."""

Array = np.ndarray[Any, Any]


class Config(BaseModel):
    """How to enlarge."""

    network: bool = True
    """Enlarge colours with the trained network where its file is there; false: by back-projection alone."""
    iterations: int = Field(default=12, ge=0, le=100)
    """Rounds of correction of back-projection; 0 is plain Lanczos."""
    strength: float = Field(default=1.0, gt=0, le=1.5)
    """How much of the remaining error each round puts back."""
    tile: int = Field(default=256, ge=32)
    """Input pixels along a side that are worked on at once, which bounds the memory needed."""


def version_of(model: Path) -> str:
    """The backend's version, which goes into keys and records: it changes with the network's file."""
    return "1" if (found := enhancer.digest(model)) is None else f"2.{found}"


class Backend:
    """Enlarges four times; see `Config`."""

    tool = "SR"
    version = version_of(enhancer.FILE)
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._network = enhancer.Enhancer(enhancer.FILE) if config.network and enhancer.FILE.is_file() else None

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` (RGB, RGBA or L) at four times its width and height, in the same mode.

        What colours lie hidden under wholly transparent pixels makes no difference.
        """
        pixels = np.asarray(image)
        planes = pixels[..., None] if pixels.ndim == 2 else pixels
        if image.mode == "RGB" and (planes == planes[..., :1]).all():
            return self(image=image.convert("L")).convert("RGB")  # the network would colour some edges a little
        result = np.empty((planes.shape[0] * SCALE, planes.shape[1] * SCALE, planes.shape[2]), np.uint8)
        for inner, outer in tiles(planes.shape[0], planes.shape[1], self.config.tile, OVERLAP):
            enlarged = self._enlarge(planes[outer])
            top, left = inner[0].start - outer[0].start, inner[1].start - outer[1].start
            height, width = inner[0].stop - inner[0].start, inner[1].stop - inner[1].start
            target = tuple(slice(part.start * SCALE, part.stop * SCALE) for part in inner)
            result[target] = enlarged[top * SCALE : (top + height) * SCALE, left * SCALE : (left + width) * SCALE]
        return Image.fromarray(result[..., 0] if pixels.ndim == 2 else result)

    def _enlarge(self, planes: Array) -> Array:
        """One tile (height, width, channels) of uint8, four times as large."""
        if planes.shape[2] == 4:
            planes = np.dstack([continued(planes[..., :3], planes[..., 3] > 0), planes[..., 3:]])
        if self._network is None:
            return _to_bytes(self._project(planes.astype(np.float32)))
        if planes.shape[2] == 1:
            return _to_bytes(self._network(np.repeat(planes, 3, axis=2)).mean(axis=2, keepdims=True))
        colours = _to_bytes(self._network(planes[..., :3]))
        if planes.shape[2] == 3:
            return colours
        return np.dstack([colours, _to_bytes(self._project(planes[..., 3:].astype(np.float32)))])

    def _project(self, low: Array) -> Array:
        """Iterative back-projection of float32 planes, kept from over- and undershooting its neighbourhood."""
        size = (low.shape[1] * SCALE, low.shape[0] * SCALE)
        floor, ceiling = _neighbourhood(low, size)
        high = np.clip(_resize(low, size, cv2.INTER_LANCZOS4), floor, ceiling)
        for _ in range(self.config.iterations):
            error = low - _resize(high, (low.shape[1], low.shape[0]), cv2.INTER_AREA)
            high = np.clip(high + self.config.strength * _resize(error, size, cv2.INTER_CUBIC), floor, ceiling)
        return high


def continued(colours: Array, seen: Array) -> Array:
    """`colours` with the nearest colour that can be seen in place of each that cannot, so that none bleeds in."""
    if seen.all() or not seen.any():
        return colours
    _, nearest = cv2.distanceTransformWithLabels(
        (~seen).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros((int(nearest.max()) + 1, 3), colours.dtype)
    by_label[nearest[seen]] = colours[seen]
    return np.asarray(by_label[nearest])


def _resize(planes: Array, size: tuple[int, int], how: int) -> Array:
    """`cv2.resize` that keeps the third axis even where it is 1."""
    return np.asarray(cv2.resize(planes, size, interpolation=how)).reshape(size[1], size[0], -1)


def _neighbourhood(low: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """The least and greatest value near each output pixel, with some headroom: rings beyond them are artefacts."""
    kernel = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(low, kernel).reshape(low.shape), cv2.dilate(low, kernel).reshape(low.shape)
    room = 0.15 * (most - least)
    return (
        _resize(np.maximum(least - room, 0), size, cv2.INTER_LINEAR),
        _resize(np.minimum(most + room, 255), size, cv2.INTER_LINEAR),
    )


def _to_bytes(planes: Array) -> Array:
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)
