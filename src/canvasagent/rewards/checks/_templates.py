"""Sprites as templates: which of its flat colour parts each pixel of a thing belongs to, whatever its main colour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
from PIL import ImageColor

from canvasagent.rewards.checks._pixels import Array
from canvasagent.sketch.lexicon import phrases
from canvasagent.sketch.sprite import all_sprites, rasterise, shades

PARTS = 6
"""Number of parts of a sprite that are distinguished, at most: its largest."""
_SIDE = 192
_MARK = (236, 30, 190)
"""Main colour that no sprite has: it tells apart what takes the asked-for colour from what keeps its own."""

SHAPES = {
    "circle": '<circle cx="50" cy="50" r="50" fill="{main}"/>',
    "square": '<rect width="100" height="100" fill="{main}"/>',
    "triangle": '<path d="M50 0L100 100H0Z" fill="{main}"/>',
    "diamond": '<path d="M50 0L100 50L50 100L0 50Z" fill="{main}"/>',
}
"""Plain shapes that are known beside the sprites."""


@dataclass(frozen=True)
class Template:
    """A thing's parts: where each is, and of what colour."""

    name: str
    aspect: float
    """Width by height."""
    parts: Array
    """(k, height, width) float32."""
    colors: tuple[tuple[int, int, int] | None, ...]
    """The part's own colour in the drawing; None where it is the main colour or its shade."""
    tints: dict[int, str]
    """Part → main, main-dark or main-light, where it takes the asked-for colour."""
    usual: tuple[int, int, int]
    """The main colour when none is asked for."""

    @property
    def plain(self) -> bool:
        """A shape of one part, without a colour of its own."""
        return self.colors == (None,)


def thing_named(word: str) -> str | None:
    """The sprite or plain shape that a word means, singular or plural; None for one that is not known."""
    word = " ".join(word.lower().split())
    for form in (word, word.removesuffix("s")):
        if form in SHAPES:
            return form
        token = phrases().get(form)
        for meaning in (token, *token.also) if token is not None else ():
            if meaning.sort == "noun":
                return str(meaning.value)
    return None


@cache
def template_of(name: str) -> Template:
    """The template of a sprite or plain shape."""
    if name in SHAPES:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{SHAPES[name]}</svg>'
        aspect, usual = 1.0, (128, 128, 128)
    else:
        sprite = all_sprites()[name]
        svg, aspect = sprite.svg, sprite.aspect
        usual = ImageColor.getrgb(sprite.info.color)[:3]
    tints = {token: ImageColor.getrgb(tone)[:3] for token, tone in shades(_MARK).items()}
    fixed = {ImageColor.getrgb(found)[:3] for found in re.findall(r"#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}\b", svg)}
    palette = [*tints.values(), *sorted(fixed)]
    filled = svg
    for token, tone in shades(_MARK).items():
        filled = filled.replace("{" + token + "}", tone)
    drawn = np.asarray(rasterise(filled, max(8, round(_SIDE * aspect)), _SIDE))
    labels = _nearest(drawn[..., :3], np.array(palette, np.float32))
    labels[drawn[..., 3] < 128] = -1
    sizes = np.bincount(labels[labels >= 0].ravel(), minlength=len(palette))
    kept = [int(label) for label in np.argsort(-sizes)[:PARTS] if sizes[label] > 0.012 * sizes.sum()]
    parts = np.stack([(labels == label).astype(np.float32) for label in kept])
    colors = tuple(None if label < len(tints) else palette[label] for label in kept)
    of_tints = {k: list(tints)[label] for k, label in enumerate(kept) if label < len(tints)}
    return Template(name, aspect, parts, colors, of_tints, usual)  # type: ignore[arg-type]


def _nearest(pixels: Array, palette: Array) -> Array:
    distance = np.stack([((pixels - color) ** 2).sum(axis=2) for color in palette])
    return np.asarray(distance.argmin(axis=0), dtype=np.int16)


@lru_cache(maxsize=4096)
def masks(name: str, width: int, height: int, mirrored: bool) -> tuple[Array, Array]:
    """Parts (k, height, width) at that size, and the rim around them (height + 2·r, width + 2·r), r = `rim`."""
    template = template_of(name)
    parts = np.stack([cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) for mask in template.parts])
    if mirrored:
        parts = np.ascontiguousarray(parts[:, :, ::-1])
    r = rim(width, height)
    body = np.pad(parts.sum(axis=0), r)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * r + 1, 2 * r + 1))
    around = np.clip(cv2.dilate(body, kernel) - cv2.dilate(body, np.ones((3, 3), np.uint8)), 0, 1)
    return parts, around


def rim(width: int, height: int) -> int:
    """Width in pixels of the ring around a thing that must differ from it."""
    return int(max(2, round(0.12 * (width * height) ** 0.5)))
