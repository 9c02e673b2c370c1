"""Colour words and what they mean: shared by edits and generation."""

from __future__ import annotations

import re

Rgb = tuple[int, int, int]

COLORS: dict[str, Rgb] = {
    "red": (220, 38, 38),
    "dark red": (139, 0, 0),
    "crimson": (200, 20, 60),
    "maroon": (128, 0, 32),
    "burgundy": (120, 0, 40),
    "scarlet": (235, 40, 20),
    "orange": (245, 130, 32),
    "amber": (255, 191, 0),
    "gold": (212, 170, 50),
    "golden": (212, 170, 50),
    "yellow": (250, 215, 40),
    "light blue": (160, 205, 245),
    "dark blue": (15, 40, 120),
    "dark green": (10, 85, 40),
    "light green": (150, 220, 140),
    "light grey": (205, 208, 212),
    "light gray": (205, 208, 212),
    "lime": (140, 210, 40),
    "green": (46, 150, 65),
    "emerald": (20, 150, 100),
    "olive": (115, 120, 40),
    "mint": (150, 225, 190),
    "teal": (0, 128, 128),
    "turquoise": (64, 205, 195),
    "cyan": (30, 200, 220),
    "sky blue": (125, 195, 240),
    "blue": (40, 90, 210),
    "navy": (20, 30, 95),
    "navy blue": (20, 30, 95),
    "royal blue": (65, 105, 225),
    "indigo": (70, 35, 140),
    "purple": (125, 50, 165),
    "violet": (140, 80, 220),
    "lavender": (190, 170, 235),
    "lilac": (200, 165, 215),
    "magenta": (215, 40, 170),
    "pink": (245, 130, 175),
    "hot pink": (255, 80, 160),
    "rose": (230, 100, 130),
    "salmon": (250, 135, 115),
    "coral": (255, 120, 90),
    "peach": (255, 205, 170),
    "brown": (125, 75, 40),
    "chocolate": (90, 50, 28),
    "tan": (205, 175, 135),
    "beige": (236, 226, 200),
    "cream": (252, 245, 220),
    "ivory": (252, 250, 235),
    "white": (255, 255, 255),
    "silver": (192, 196, 202),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "charcoal": (54, 57, 63),
    "black": (16, 16, 18),
}
"""Every colour word with its usual shade."""

SHADES: dict[str, float] = {
    "very light": 0.65,
    "pale": 0.5,
    "pastel": 0.5,
    "light": 0.42,
    "bright": 0.0,
    "vivid": 0.0,
    "deep": -0.3,
    "dark": -0.45,
    "very dark": -0.65,
}
"""Words before a colour: the share of the way to white (above 0) or to black (below 0)."""

_NAMES = "|".join(sorted((name.replace(" ", r"[ -]") for name in COLORS), key=len, reverse=True))
_SHADE_NAMES = "|".join(sorted(SHADES, key=len, reverse=True))

COLOR_PATTERN = rf"(?:(?:{_SHADE_NAMES})[ -])?(?:{_NAMES})(?:ish)?|#[0-9a-f]{{6}}|#[0-9a-f]{{3}}"
"""A regular expression (to be used without regard to case) of all that `color_named` understands."""

_PARTS = re.compile(rf"(?:({_SHADE_NAMES})[ -])?({_NAMES})(?:ish)?", re.IGNORECASE)


def color_named(words: str) -> Rgb | None:
    """The colour that `words` name ("dark red", "sky blue", "#ff8800"), or None."""
    words = " ".join(words.lower().split())
    if match := re.fullmatch(r"#([0-9a-f]{6}|[0-9a-f]{3})", words):
        digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    key = words.replace("-", " ")
    if key in COLORS:
        return COLORS[key]
    match = _PARTS.fullmatch(words)
    return shaded(COLORS[match[2].replace("-", " ")], SHADES.get(match[1] or "", 0.0)) if match else None


def shaded(color: Rgb, share: float) -> Rgb:
    """`color` moved by `share` (0 to 1) towards white, or (-1 to 0) towards black."""
    goal = 255 if share > 0 else 0
    red, green, blue = (round(value + (goal - value) * abs(share)) for value in color)
    return red, green, blue
