"""Grounds drawn by procedure: plain colours, gradients, skies, sea, paper, wood, brick and the like.

A ground is found by words (`ground_for`) and painted for any size and seed. A new one is a function and a line in
`GROUNDS`. All are smooth functions of position or seeded noise, so that they look alike at every size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from canvasagent.english.colors import Rgb, color_named, color_pattern
from canvasagent.imaging.geometry import Size

Array = NDArray[Any]
Ground = Callable[[Size, int], Array]
"""(width, height) and a seed to (height, width, 3) uint8."""


def clouds(size: Size, rng: np.random.Generator, cells: float, octaves: int = 5, stretch: float = 1.0) -> Array:
    """Fractal noise of 0 to 1, (height, width): `cells` bumps on the shorter side, `stretch` times as wide as high."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cell = min(size) / cells / 2**octave
        if cell < 1 and octave:
            break
        grid = (max(2, round(height / cell)) + 3, max(2, round(width / cell / stretch)) + 3)
        noise = rng.random(grid, dtype=np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6))


def blend(stops: list[tuple[float, Rgb]], position: Array) -> Array:
    """Colours (…, 3) of `position` (0 to 1) between `stops`, mixed in linear light and dithered against bands."""
    places = [stop[0] for stop in stops]
    channels = [
        np.interp(position, places, [(color[channel] / 255) ** 2.2 for _, color in stops]) for channel in range(3)
    ]
    return np.stack(channels, axis=-1) ** (1 / 2.2) * 255


def _finish(values: Array, seed: int) -> Array:
    dither = np.random.default_rng(seed).random(values.shape[:2], dtype=np.float32)[..., None] - 0.5
    return np.asarray(np.clip(np.rint(values + dither), 0, 255).astype(np.uint8))


def _rows(size: Size) -> Array:
    return np.broadcast_to(np.linspace(0, 1, size[1], dtype=np.float32)[:, None], (size[1], size[0]))


def plain(color: Rgb) -> Ground:
    """One colour all over."""
    return lambda size, seed: np.full((size[1], size[0], 3), color, np.uint8)


def gradient(first: Rgb, second: Rgb, way: str = "vertical") -> Ground:
    """From `first` (top, left or centre) to `second`; `way` is vertical, horizontal, diagonal or radial."""

    def paint(size: Size, seed: int) -> Array:
        down, across = _rows(size), np.broadcast_to(np.linspace(0, 1, size[0])[None, :], (size[1], size[0]))
        position = {"vertical": down, "horizontal": across, "diagonal": (down + across) / 2}.get(way)
        if position is None:
            position = np.clip(np.hypot(down - 0.5, across - 0.5) / 0.7071, 0, 1)
        return _finish(blend([(0, first), (1, second)], position), seed)

    return paint


def sky(size: Size, seed: int) -> Array:
    """Blue, lighter towards the horizon, with soft clouds."""
    rng = np.random.default_rng(seed)
    base = blend([(0, (64, 132, 214)), (0.6, (140, 194, 238)), (1, (214, 234, 246))], _rows(size))
    cover = clouds(size, rng, 2.6, 6, stretch=1.9)
    white = np.clip((cover - 0.5) / 0.3, 0, 1)[..., None] ** 1.2 * (0.95 - 0.3 * _rows(size)[..., None])
    shade = 255 - 26 * np.clip(clouds(size, rng, 5, 4, stretch=2) - 0.3, 0, 1)[..., None]
    return _finish(base * (1 - white) + shade * white, seed)


_DUSK = [
    (0, (38, 38, 92)),
    (0.35, (122, 70, 130)),
    (0.62, (232, 112, 88)),
    (0.85, (252, 172, 92)),
    (1, (255, 214, 140)),
]


def _dusk(size: Size, rng: np.random.Generator, horizon: float) -> Array:
    down = np.clip(_rows(size) / horizon, 0, 1)
    base = blend(_DUSK, down)  # type: ignore[arg-type]
    streaks = np.clip((clouds(size, rng, 3, 5, stretch=5) - 0.52) / 0.3, 0, 1)[..., None] * (
        0.25 + 0.6 * down[..., None]
    )
    return np.asarray(base * (1 - 0.6 * streaks) + np.array([255, 150, 120]) * 0.6 * streaks)


def _sun(values: Array, size: Size, center: tuple[float, float], radius: float, color: Rgb, limit: float) -> Array:
    """A glowing disc above row `limit` (shares of the height)."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot(x - center[0] * width, y - center[1] * height) / (radius * min(size))
    disc = np.clip((1.0 - far) * radius * min(size) + 0.5, 0, 1) * (y < limit * height)
    glow = np.exp(-0.55 * far) * 0.75 * np.clip(1.2 - 0.5 * (y > limit * height), 0, 1)
    share = np.maximum(disc, glow)[..., None]
    return np.asarray(values * (1 - share) + np.array(color) * share)


def _waves(size: Size, rng: np.random.Generator, horizon: float) -> tuple[Array, Array]:
    """Depth below the horizon (0 far to 1 near) and glints (0 to 1) of a sea, both (height, width)."""
    width, height = size
    depth = np.clip((_rows(size) - horizon) / (1 - horizon), 0, 1)
    flat = clouds((width, height), rng, 30, 3, stretch=7)
    near = cv2.resize(clouds((width, height), rng, 9, 4, stretch=5), (width, height))
    return depth, np.clip((flat * (1 - depth) + near * depth - 0.42) / 0.5, 0, 1)


def sunset(size: Size, seed: int) -> Array:
    """An evening sky with a low sun."""
    rng = np.random.default_rng(seed)
    values = _sun(_dusk(size, rng, 1.0), size, (0.5 + rng.uniform(-0.15, 0.15), 0.76), 0.075, (255, 240, 190), 2.0)
    return _finish(values, seed)


def sea(size: Size, seed: int) -> Array:
    """Water under a clear sky."""
    rng = np.random.default_rng(seed)
    horizon = 0.42
    values = blend([(0, (92, 158, 226)), (1, (222, 238, 248))], np.clip(_rows(size) / horizon, 0, 1))
    depth, glints = _waves(size, rng, horizon)
    water = blend([(0, (78, 152, 190)), (0.3, (32, 110, 164)), (1, (12, 66, 118))], depth)
    water = water + (glints[..., None] - 0.4) * np.array([60, 66, 62]) * (0.35 + 0.65 * depth[..., None])
    return _finish(np.where((_rows(size) > horizon)[..., None], water, values), seed)


def sea_sunset(size: Size, seed: int) -> Array:
    """A low sun over water that mirrors it."""
    rng = np.random.default_rng(seed)
    horizon, at = 0.58, 0.5 + rng.uniform(-0.12, 0.12)
    values = _sun(_dusk(size, rng, horizon), size, (at, horizon - 0.05), 0.085, (255, 238, 185), horizon)
    depth, glints = _waves(size, rng, horizon)
    water = blend([(0, (226, 140, 104)), (0.3, (128, 78, 116)), (1, (34, 32, 74))], depth)
    across = np.abs(np.linspace(0, 1, size[0], dtype=np.float32)[None, :] - at)
    path = np.exp(-((across / (0.07 + 0.14 * depth)) ** 2)) * glints
    water = water + (glints[..., None] - 0.45) * 34 + path[..., None] * np.array([190, 140, 80])
    return _finish(np.where((_rows(size) > horizon)[..., None], water, values), seed)


def night(size: Size, seed: int) -> Array:
    """A dark sky full of stars."""
    rng = np.random.default_rng(seed)
    values = blend([(0, (7, 10, 28)), (0.7, (18, 28, 66)), (1, (44, 56, 104))], _rows(size))
    band = np.clip(clouds(size, rng, 2.5, 5) - 0.45, 0, 1)[..., None]
    values = values + band * np.array([60, 52, 86])
    width, height = size
    count = int(np.clip(width * height / 1400, 24, 4000))
    light = np.zeros((height, width), np.float32)
    scale = max(min(size) / 512, 0.6)
    for x, y, power in zip(rng.random(count), rng.random(count), rng.pareto(2.2, count), strict=True):
        radius = scale * (0.45 + 0.35 * min(power, 3.0))
        shift = 4
        point = (round(x * width * 2**shift), round(y * height * 2**shift))
        brightness = float(min(1.0, 0.35 + 0.4 * power))
        cv2.circle(light, point, max(1, round(radius * 2**shift)), brightness, -1, cv2.LINE_AA, shift)
    light = np.maximum(cv2.GaussianBlur(light, (0, 0), 0.5 * scale), 0.9 * cv2.GaussianBlur(light, (0, 0), 1.8 * scale))
    return _finish(values + light[..., None] * np.array([250, 248, 235]), seed)


def paper(size: Size, seed: int) -> Array:
    """Off-white with fibres and faint blotches."""
    rng = np.random.default_rng(seed)
    fibres = clouds(size, rng, 90, 3) - 0.5 + 0.8 * (clouds(size, rng, 60, 2, stretch=6) - 0.5)
    blotches = clouds(size, rng, 3, 3) - 0.5
    return _finish(np.array([244, 238, 224]) + (fibres * 13 + blotches * 9)[..., None], seed)


def wood(size: Size, seed: int) -> Array:
    """Planks with grain."""
    rng = np.random.default_rng(seed)
    height = size[1]
    planks = 5
    which = np.minimum((np.arange(height) * planks) // height, planks - 1)
    bend = clouds(size, rng, 2.0, 3, stretch=4)
    offsets = rng.random(planks)[which][:, None] * 7
    rings = 0.5 + 0.5 * np.sin((_rows(size) * 9 * planks + bend * 16 + offsets) * 2.4)
    grain = clouds(size, rng, 120, 3, stretch=24)
    tone = 0.30 * rings + 0.45 * grain + 0.25 * bend + rng.uniform(-0.12, 0.12, planks)[which][:, None]
    values = blend([(0, (96, 58, 30)), (0.5, (158, 104, 60)), (1, (204, 152, 98))], np.clip(tone, 0, 1))
    edge = np.abs((np.arange(height) * planks / height) % 1 - 0.5)[:, None, None] * 2
    gap = np.clip((edge - (1 - 3.5 * planks / 512)) * 512 / planks / 2, 0, 1)
    return _finish(values * (1 - 0.65 * gap), seed)


def brick(size: Size, seed: int) -> Array:
    """A wall of bricks, laid half over each other."""
    rng = np.random.default_rng(seed)
    width, height = size
    high = max(min(size) / 12, 4.0)
    wide = high * 2.4
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wobble = (clouds(size, rng, 24, 2) - 0.5) * high * 0.1
    row = np.floor((y + wobble) / high).astype(int)
    column = np.floor((x + wobble) / wide + 0.5 * (row % 2)).astype(int)
    inner_y = np.abs((y + wobble) / high - row - 0.5) * high
    inner_x = np.abs((x + wobble) / wide + 0.5 * (row % 2) - column - 0.5) * wide
    inside = np.clip(
        np.minimum(high * 0.44 - inner_y, wide / 2 - 0.06 * high - inner_x) / max(high * 0.06, 1) + 0.5, 0, 1
    )
    tones = rng.random((row.max() + 3, column.max() + 3))[row + 1, column + 1]
    rough = clouds(size, rng, 70, 3)
    bricks = blend(
        [(0, (118, 50, 38)), (0.5, (156, 72, 52)), (1, (184, 100, 74))], np.clip(0.65 * tones + 0.5 * rough - 0.1, 0, 1)
    )
    mortar = np.array([190, 182, 170]) + (rough[..., None] - 0.5) * 40
    return _finish(mortar * (1 - inside[..., None]) + bricks * inside[..., None], seed)


def _speckled(low: Rgb, high: Rgb, cells: float, stretch: float = 1.0, weight: float = 0.6) -> Ground:
    def paint(size: Size, seed: int) -> Array:
        rng = np.random.default_rng(seed)
        fine, wide = clouds(size, rng, cells, 3, stretch), clouds(size, rng, 4, 4)
        return _finish(blend([(0, low), (1, high)], np.clip(weight * fine + (1 - weight) * wide, 0, 1)), seed)

    return paint


GROUNDS: dict[str, tuple[str, Ground]] = {
    r"(?:(?:clear |cloudy |blue |summer |bright |day(?:time)? )*sky|clouds)(?: with (?:white |soft )?clouds)?": (
        "sky",
        sky,
    ),
    r"(?:sun ?set|sun ?rise|dawn|dusk|evening)(?: sky)?": ("sunset", sunset),
    r"(?:(?:a |the )?sun ?set|sun ?rise)(?: (?:over|at|by|above) (?:the |a )?)(?:sea|ocean|water|lake)|(?:sea|"
    r"ocean) at (?:sun ?set|dusk)": (
        "sunset over the sea",
        sea_sunset,
    ),
    r"(?:blue |open |calm )*(?:sea|ocean|water|lake)(?: under (?:a |the )?(?:clear |blue )*sky)?": ("sea", sea),
    r"(?:(?:dark |clear |starry )*night(?: sky)?|starry sky|stars|starfield|(?:outer |deep )?space)(?: (?:with|"
    r"full of) (?:many |bright )*stars)?": (
        "night sky with stars",
        night,
    ),
    r"(?:white |old |cream |blank |sheet of |piece of )*(?:paper|parchment|canvas)(?: texture)?": ("paper", paper),
    r"(?:wood(?:en)?|timber|oak|pine)(?: (?:planks?|boards?|table|wall|floor|texture|surface|panels?))?": (
        "wood",
        wood,
    ),
    r"(?:red )?bricks?(?: wall)?(?: texture)?": ("brick wall", brick),
    r"(?:green )?(?:grass|lawn|meadow)(?: texture)?": ("grass", _speckled((34, 84, 26), (124, 176, 72), 110)),
    r"(?:sand|sandy)(?: texture)?|beach sand": ("sand", _speckled((196, 164, 116), (236, 214, 172), 130)),
    r"(?:gr[ae]y )?(?:concrete|stone|cement)(?: wall)?(?: texture)?": (
        "concrete",
        _speckled((128, 128, 126), (190, 190, 186), 60, 1, 0.4),
    ),
}
"""Grounds by a pattern of the words that ask for them, with a name to tell."""

_GRADIENTS = (
    rf"(?:smooth |soft |linear )?(?:(?P<way>vertical|horizontal|diagonal|radial) )?gradient (?:from |of "
    rf")?(?P<one>{color_pattern()})"
    rf"(?: at the top)? (?:to|into|and) (?P<two>{color_pattern()})(?: at the bottom)?(?: gradient)?",
    rf"(?:(?P<way>vertical|horizontal|diagonal|radial) )?(?P<one>{color_pattern()})[- ](?:to|and|into)[- "
    rf"](?P<two>{color_pattern()}) gradient",
    rf"(?:smooth |soft )?(?:(?P<way>vertical|horizontal|diagonal|radial) )?(?P<one>{color_pattern()}) gradient",
)


def ground_for(words: str) -> Ground | None:
    """The ground that `words` ask for ("a brick wall", "a gradient from red to blue", "white"), or None."""
    words = " ".join(words.lower().split())
    words = re.sub(r"^(?:an?|the|some) ", "", words)
    words = re.sub(r"^(?:plain|solid|simple|uniform|flat|pure|beautiful|nice|empty|lovely) (?=.)", "", words)
    words = re.sub(r" (?:background|backdrop|colou?r|scene|wallpaper|texture)$", "", words)
    color = color_named(words)
    if color is not None:
        return plain(color)
    for pattern in _GRADIENTS:
        if match := re.fullmatch(pattern, words, re.IGNORECASE):
            groups = match.groupdict()
            one = color_named(groups["one"]) or (255, 255, 255)
            two = color_named(groups.get("two") or "white") or (255, 255, 255)
            return gradient(one, two, groups.get("way") or "vertical")
    return next((paint for pattern, (_, paint) in GROUNDS.items() if re.fullmatch(pattern, words)), None)


def ground_names() -> list[str]:
    """What `ground_for` can paint, in words."""
    return ["any plain colour", "gradients", *(name for name, _ in GROUNDS.values())]
