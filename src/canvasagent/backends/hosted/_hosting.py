"""What both hosted backends share: how the service is reached, what it costs, the sizes that it can make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import AfterValidator, ConfigDict, Field

from canvasagent.endpoints.images import ImagesEndpoint, ImagesSettings
from canvasagent.errors import InputError
from canvasagent.imaging.geometry import Size

CALLS = 16
"""How many calls may wait for the service at once."""


def _positive(sizes: tuple[Size, ...]) -> tuple[Size, ...]:
    if not all(width > 0 and height > 0 for width, height in sizes):
        raise ValueError("width and height must be positive")
    return sizes


class Hosting(ImagesSettings):
    """How the service is reached, and what it makes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str = "gpt-image-1"
    """Name of the model, as the service knows it."""
    sizes: Annotated[tuple[Size, ...], AfterValidator(_positive)] = Field(
        default=((1024, 1024), (1536, 1024), (1024, 1536))
    )
    """Widths and heights that the service makes; none: it makes whatever is asked for."""


def endpoint(config: Hosting) -> ImagesEndpoint:
    """The model behind its endpoint. Raises `InputError` where address or key is missing."""
    return ImagesEndpoint(config.model, ImagesSettings(**{n: getattr(config, n) for n in ImagesSettings.model_fields}))


def missing_requirements(config: Hosting) -> list[str]:
    """The missing settings of the service."""
    try:
        endpoint(config)
    except InputError as error:
        return [str(error)]
    return []


def nearest(wanted: Size, sizes: Sequence[Size]) -> Size:
    """The size on offer whose shape is most like the wanted one; of equal shapes the smallest that is large enough."""
    if not sizes:
        return wanted

    def unlike(size: Size) -> tuple[float, bool, int]:
        shape = abs(np.log(wanted[0] / wanted[1]) - np.log(size[0] / size[1]))
        small = size[0] < wanted[0] or size[1] < wanted[1]
        pixels = size[0] * size[1]
        return round(float(shape), 3), small, -pixels if small else pixels

    return min(sizes, key=unlike)


def filled(picture: Image.Image, size: Size) -> Image.Image:
    """`picture` at `size`, its middle where the shapes differ."""
    return picture if picture.size == size else ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def room(size: Size, offered: Size) -> tuple[Size, tuple[int, int, int, int]]:
    """The smallest size of the shape of `offered` that holds `size`, and the box where that lies in it."""
    width = max(size[0], round(size[1] * offered[0] / offered[1]))
    height = max(size[1], round(size[0] * offered[1] / offered[0]))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return (width, height), (left, top, left + size[0], top + size[1])
