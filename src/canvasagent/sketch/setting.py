"""Where a drawn picture plays: which drawn place or plain ground, in which light and weather, from its pixels alone.

Small renders of every place in every palette, seen through every light and weather, are compared with a small copy
of the picture; the share of pixels that agree decides, so that things before the place do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, get_args

import cv2
import numpy as np
from PIL import Image, ImageColor

from canvasagent.english.colors import drawn_colors
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.atmosphere import dim, tinted
from canvasagent.sketch.background import Background, all_backgrounds
from canvasagent.sketch.match import largest
from canvasagent.sketch.render import ground_picture, paled, through_air
from canvasagent.sketch.scene import Light, Look, Weather

Array = np.ndarray[Any, Any]

SIDE = 48
"""Longer side of the small copy."""
CLEARER = 160
"""Longer side of the copy in which the best few are compared."""
FEW, FINAL = 12, 5
TOLERANCE = 8.0
LEAST = 0.22
"""Share of the picture that must agree."""
PLAIN = "#dfe6e8"
"""The ground of scenes without a place."""


@dataclass(frozen=True)
class Setting:
    """Everything of a drawn picture but its things."""

    background: str | None = None
    palette: int = 0
    mirrored: bool = False
    ground: str | None = None
    """#rrggbb of a plain ground."""
    light: Light = "day"
    weather: Weather | None = None
    look: Look = "flat"

    @property
    def place(self) -> Background | None:
        """The drawn place."""
        return all_backgrounds()[self.background] if self.background is not None else None

    @property
    def known(self) -> bool:
        """Whether it is known what is behind the things."""
        return self.background is not None or self.ground is not None

    @property
    def outdoors(self) -> bool:
        """Whether there is sky and weather."""
        return self.place is None or not self.place.info.indoor

    def picture(self, size: Size) -> Image.Image:
        """The place without things, as it is before any air lies before it."""
        ground = paled(ground_picture(self.place, self.ground, size, self.palette), self.look)
        picture = dim(ground, self.light, self.outdoors)
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else picture

    def through_air(self, picture: Image.Image) -> Image.Image:
        """A picture of place and things, seen through night and weather."""
        return through_air(picture, self.light, self.weather if self.outdoors else None)

    def air(self, rows: int) -> tuple[Array, Array]:
        """What `through_air` makes of colours: a factor (rows, 1, 3) and an offset for each row."""
        grey = [Image.new("RGB", (1, rows), (level, level, level)) for level in (0, 255)]
        low, high = (np.asarray(self.through_air(ground), np.float32) for ground in grey)
        return (high - low) / 255, low


def find_setting(pixels: Array) -> Setting | None:
    """The setting of a drawn picture, (height, width, 3) uint8; None where no place agrees with it."""
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return None
    small = cv2.split(_copy(pixels, SIDE)[::2, ::2])
    shares: list[tuple[float, Setting]] = []
    candidates, stack = _candidates(_size((width, height), SIDE))
    extra = _plain_color(pixels)
    for (light, outdoors, weather, look), (factor, offset) in _airs(_size((width, height), SIDE)[1]).items():
        rows = np.flatnonzero([item.outdoors == outdoors for item in candidates])
        away = [
            np.abs(planes[rows] * factor[::2, :, channel] + (offset[::2, :, channel] - small[channel]))
            for channel, planes in enumerate(stack)
        ]
        agree = np.maximum(np.maximum(*away[:2]), away[2]) < _scaled(TOLERANCE, factor)
        found = agree.mean(axis=(1, 2))
        for row in np.argsort(-found)[:2]:
            item = candidates[rows[row]]
            shares.append((float(found[row]), _with(item, light, weather, look)))
    likeness = largest(np.abs(_rgb(extra) - np.dstack(small))) < TOLERANCE / 2
    shares.append((float(likeness.mean()), Setting(ground=extra)))
    shares.sort(key=lambda pair: -pair[0])
    clearer = _best(_copy(pixels, CLEARER), [setting for _, setting in shares[:FEW]], TOLERANCE)
    share, best = next(iter(_best(pixels, [setting for _, setting in clearer[:FINAL]], TOLERANCE / 2)), (0.0, None))
    return best if share >= LEAST else None


def _with(item: Setting, light: Light, weather: Weather | None, look: Look) -> Setting:
    return Setting(item.background, item.palette, item.mirrored, item.ground, light, weather, look)


def _scaled(tolerance: float, factor: Array) -> float:
    """What differs by `tolerance` by day, as it differs through air."""
    return max(tolerance * float(factor.mean()), 1.5)


def _best(picture: Array, settings: list[Setting], tolerance: float) -> list[tuple[float, Setting]]:
    """The settings by how much of a picture agrees with them, best first."""
    size = picture.shape[1], picture.shape[0]
    found: list[tuple[float, Setting]] = []
    for setting in settings:
        whole = np.asarray(setting.through_air(setting.picture(size)), np.float32)
        factor = _airs(size[1])[setting.light, setting.outdoors, setting.weather, setting.look][0]
        # Averaged, the grain of paper goes, and the differences of places stay.
        away = largest(np.abs(cv2.blur(whole - picture, (5, 5)))) / _scaled(tolerance, factor)
        exact = (largest(np.abs(whole - picture)) == 0).mean()  # tells places that are nearly their own mirror image
        odd = setting.ground is not None and setting.ground not in _grounds()
        found.append((float(np.clip(1.25 - away, 0, 1).mean() + 0.1 * exact - 0.1 * odd), setting))
    return sorted(found, key=lambda pair: -pair[0])


def _copy(pixels: Array, side: int) -> Array:
    size = _size((pixels.shape[1], pixels.shape[0]), side)
    # Drops, flakes and grain go; edges stay.
    return np.asarray(cv2.resize(cv2.medianBlur(pixels, 5), size, interpolation=cv2.INTER_AREA), np.float32)


def _size(size: Size, side: int) -> Size:
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _rgb(color: str) -> Array:
    return np.array(ImageColor.getrgb(color)[:3], np.float32)


def _plain_color(pixels: Array) -> str:
    """The commonest colour of the picture."""
    packed = (pixels.astype(np.uint32) * np.array([65536, 256, 1], np.uint32)).sum(axis=2)
    values, counts = np.unique(packed, return_counts=True)
    return f"#{int(values[counts.argmax()]):06x}"


@cache
def _grounds() -> tuple[str, ...]:
    """The plain grounds that words can ask for."""
    return tuple(dict.fromkeys([PLAIN, *drawn_colors().values()]))


@lru_cache(maxsize=8)
def _candidates(size: Size) -> tuple[list[Setting], Array]:
    """Every place in every palette, as it is and mirrored, and every plain ground with a name:
    (3, n, h, w) float32, every second pixel."""
    settings: list[Setting] = []
    pictures: list[Array] = []
    for name, background in all_backgrounds().items():
        for palette in range(len(background.info.palettes)):
            seen = np.asarray(background.picture(size, palette), np.float32)
            settings += [Setting(name, palette), Setting(name, palette, True)]
            pictures += [seen[::2, ::2], seen[::2, ::-1][:, ::2]]
    for color in _grounds():
        settings.append(Setting(ground=color))
        pictures.append(np.broadcast_to(_rgb(color), pictures[0].shape))
    return settings, np.ascontiguousarray(np.stack(pictures).transpose(3, 0, 1, 2))


Seen = tuple[Light, bool, Weather | None, Look]


@cache
def _airs(rows: int) -> dict[Seen, tuple[Array, Array]]:
    """What every light, weather and look make of a place's colours: a factor and an offset for each row."""
    found: dict[Seen, tuple[Array, Array]] = {}
    for light in get_args(Light):
        for outdoors in (True, False):
            for weather in (None, *get_args(Weather)) if outdoors else (None,):
                for look in ("flat", "outline"):
                    ends = [_seen(level, rows, light, outdoors, weather, look) for level in (0, 255)]
                    found[light, outdoors, weather, look] = (ends[1] - ends[0]) / 255, ends[0]  # type: ignore[index]
    return found


def _seen(level: int, rows: int, light: Light, outdoors: bool, weather: Weather | None, look: Any) -> Array:
    """A grey ground of that level as it is seen: (rows, 1, 3) float32."""
    grey = paled(Image.new("RGB", (1, rows), (level, level, level)), look)
    return np.asarray(through_air(tinted(grey, light, outdoors), light, weather), np.float32)
