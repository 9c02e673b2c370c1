"""ImageGeneration without weights: grounds, coloured shapes and lettering, drawn by procedure.

A prompt is read as a whole (`prompts.py`): what is on the picture, and the ground it is on. A noun that cannot be
drawn is refused by name. Each sort of content is a painter in `PAINTERS`, called in order on the ground; another sort
(drawn objects) is another parser in `prompts.PARSERS` and another painter here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from canvasagent.backends.lite.figures import Figures, Placed, arrange, draw
from canvasagent.backends.lite.lettering import Lettering, letter
from canvasagent.backends.lite.prompts import Scene, read_prompt
from canvasagent.geometry import Size

Pixels = NDArray[Any]


class Config(BaseModel):
    """What is not in the prompt."""

    size: Size = Field(default=(512, 512))
    """Width and height of a picture that is asked for without a size."""


def _shapes(pixels: Pixels, scene: Scene, seed: int) -> Pixels:
    groups = [item for item in scene.items if isinstance(item, Figures)]
    if not groups:
        return pixels
    height, width = pixels.shape[:2]
    # Lettering has the middle of the picture; shapes keep out of its way.
    taken = [Placed("rectangle", (0, 0, 0), (width / 2, height / 2), 0.3 * min(width, height))] * scene.lettered
    return draw(pixels, arrange(groups, (width, height), np.random.default_rng(seed), taken))


def _lettering(pixels: Pixels, scene: Scene, seed: int) -> Pixels:
    for item in scene.items:
        if isinstance(item, Lettering):
            pixels = letter(pixels, item)
    return pixels


PAINTERS: tuple[Callable[[Pixels, Scene, int], Pixels], ...] = (_shapes, _lettering)
"""What draws the items of a scene on its ground, in this order."""


class Backend:
    """Draws what `prompts.py` understands; see the module's docstring."""

    tool = "ImageGeneration"
    version = "1"
    stochastic = True
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    def __call__(self, *, prompt: str, size: Size | None = None, seed: int = 0) -> Image.Image:
        """An RGB picture of `size` (width, height). The same prompt, size and seed give the same pixels.

        Raises `ToolRefusal` naming the part of the prompt that cannot be drawn.
        """
        scene = read_prompt(prompt)
        pixels = scene.ground(size or self.config.size, seed & 0x7FFFFFFF)
        for paint in PAINTERS:
            pixels = paint(pixels, scene, seed & 0x7FFFFFFF)
        return Image.fromarray(np.ascontiguousarray(pixels))
