"""Pictures for gold validation: drawn places with things, textures with soft light; never a tool's own work."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from canvasagent.imaging.fonts import font_for
from canvasagent.sketch.draw import draw

PROMPTS = (
    "a red car and a tree on a street",
    "a cat on a chair in a room",
    "a boat and a lighthouse on the beach",
    "two sheep and a barn in a field",
    "a robot left of a tent in the desert",
    "a blue vase on a table in a kitchen",
)


@lru_cache(maxsize=64)
def drawn(prompt: str, seed: int, side: int = 352) -> Image.Image:
    """A drawn picture; do not change it in place."""
    return draw(prompt, (side, side * 3 // 4), seed)


def scenes(seed: int, side: int = 256) -> list[Image.Image]:
    """Six different pictures with plenty to tell them apart by: four drawn scenes, two textured ones."""
    return [drawn(prompt, seed + index, side) for index, prompt in enumerate(PROMPTS[:4])] + [
        texture(seed + index, (side, side * 3 // 4)) for index in range(2)
    ]


@lru_cache(maxsize=16)
def texture(seed: int, size: tuple[int, int]) -> Image.Image:
    """Soft clouds of colour with grain and a few hard-edged shapes: nearer to a photograph than a drawing is."""
    random = np.random.default_rng(seed)
    layers = [cv2.resize(random.random((2 + n, 3 + n, 3)), size, interpolation=cv2.INTER_CUBIC) for n in (1, 5, 24)]
    pixels = 255 * np.clip(0.55 * layers[0] + 0.3 * layers[1] + 0.15 * layers[2], 0, 1)
    pixels += random.normal(0, 4, pixels.shape)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(5):
        x, y, r = random.random() * size[0], random.random() * size[1], (0.04 + 0.1 * random.random()) * size[0]
        shade = tuple(int(value) for value in random.integers(0, 255, 3))
        pen.rectangle((x, y, x + r, y + r * 1.6), fill=shade)
    return picture


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Gaussian blur, radius in pixels."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def spotted(picture: Image.Image, box: tuple[int, int, int, int], seed: int, color: str | None = None) -> Image.Image:
    """A copy with a patch in `box` (pixels): one colour, or another picture's part."""
    copy = picture.copy()
    size = box[2] - box[0], box[3] - box[1]
    copy.paste(Image.new("RGB", size, color) if color else texture(seed + 77, size), box[:2])
    return copy


def lettered(
    ground: Image.Image, text: str, size: float, at: tuple[float, float], color: str = "black", bold: bool = True
) -> Image.Image:
    """A copy with words whose middle is at `at` (shares of width and height); letters `size` pixels high."""
    copy = ground.copy()
    place = at[0] * copy.width, at[1] * copy.height
    ImageDraw.Draw(copy).text(place, text, fill=color, font=font_for(text, size, bold), anchor="mm", align="center")
    return copy
