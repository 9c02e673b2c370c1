"""Color words: what they look like, which there are, and within which hues a color is looked for.

Names are those of the lexicon, and the color names of CSS (webcolors) that are no nouns of their own.
"""

from __future__ import annotations

import colorsys
import re
from functools import cache
from typing import Any, NamedTuple

import webcolors

from canvasagent.english.lexicon import lexicon, normalised

Rgb = tuple[int, int, int]

_CSS_PREFIXES = re.compile(
    r"^(dark|light|medium|pale|deep|hot|dim|midnight|cadet|steel|slate|sea|spring|forest|lawn)(?=\w)"
)


class HsvRange(NamedTuple):
    """Where a color lies in OpenCV's HSV: hues 0 to 179 as (low, high) pairs, saturation and value 0 to 255."""

    hues: tuple[tuple[int, int], ...]
    saturation: tuple[int, int]
    value: tuple[int, int]


@cache
def colors() -> dict[str, Rgb]:
    """Every color name in lower case, and its usual shade. Names of several words have single spaces."""
    own = {name: _rgb(shades[0]) for name, shades in lexicon()["colors"].items()}
    nouns = set(lexicon()["nouns"]["not_colors"])
    css = {name: tuple(webcolors.name_to_rgb(name)) for name in webcolors.names("css3") if name not in nouns}
    spaced = {_CSS_PREFIXES.sub(r"\1 ", name): rgb for name, rgb in css.items()}
    return {**css, **spaced, **own}  # type: ignore[dict-item]


@cache
def drawn_colors() -> dict[str, str]:
    """The colors that the drawn world tells apart, by name, as #rrggbb in its own shade."""
    return {name: shades[1] for name, shades in lexicon()["colors"].items() if len(shades) > 1}


@cache
def color_pattern() -> str:
    """A regular expression (to be used without regard to case) of everything that `color_named` understands."""
    return rf"(?:(?:{_shades()})[ -])?(?:{_names()})(?:ish)?|#[0-9a-f]{{6}}|#[0-9a-f]{{3}}"


def color_named(words: str) -> Rgb | None:
    """The color that `words` name ("dark red", "sky blue", "#ff8800"), or None."""
    key = normalised(words)
    if key.startswith("#"):
        return _rgb(key) if re.fullmatch(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})", key) else None
    if key in colors():
        return colors()[key]
    match = _with_shade().fullmatch(key)
    if match is None:
        return None
    return shaded(colors()[match[2]], lexicon()["shades"].get(match[1] or "", 0.0))


def drawn_color(words: str) -> str | None:
    """The color that `words` name as the drawn world paints it, #rrggbb, or None."""
    own = drawn_colors().get(normalised(words))
    if own is not None:
        return own
    rgb = color_named(words)
    return None if rgb is None else "#{:02x}{:02x}{:02x}".format(*rgb)


def shaded(color: Rgb, share: float) -> Rgb:
    """`color` moved by `share` (0 to 1) towards white, or (-1 to 0) towards black."""
    goal = 255 if share > 0 else 0
    red, green, blue = (round(value + (goal - value) * abs(share)) for value in color)
    return red, green, blue


@cache
def family_of(name: str) -> str | None:
    """The basic color word that a color name is looked for by: `crimson` gives `red`; None for a name of its own."""
    families: dict[str, Any] = lexicon()["families"]
    return next((family for family, table in families.items() if name in table["words"]), None)


@cache
def hsv_range(name: str, shade: str = "") -> HsvRange:
    """Within which hue, saturation and value a color is looked for, narrowed by a word such as light, dark, bright.

    A basic word has a wide range, a name of its own (maroon, coral) a range round its shades.
    Raises `KeyError` for what is no color name.
    """
    family = family_of(name)
    if family is None:
        return _round(name)
    table = lexicon()["families"][family]
    saturation, value = table["saturation"], table["value"]
    if shade:
        narrow = next(narrow for narrow in lexicon()["shade_ranges"].values() if shade in narrow["words"])
        saturation = _overlap(saturation, narrow["saturation"])
        value = _overlap(value, narrow["value"])
    return HsvRange(tuple((low, high) for low, high in table["hues"]), tuple(saturation), tuple(value))


def _round(name: str) -> HsvRange:
    """The range round a color's shades; wide enough for light and shadow, not for another color."""
    drawn = drawn_colors().get(name)
    rgb = color_named(name)
    if rgb is None:
        raise KeyError(name)
    ranges = [_round_shade(shade) for shade in (rgb, *([_rgb(drawn)] if drawn else []))]
    return HsvRange(
        tuple(pair for one in ranges for pair in one.hues),
        (min(one.saturation[0] for one in ranges), max(one.saturation[1] for one in ranges)),
        (min(one.value[0] for one in ranges), max(one.value[1] for one in ranges)),
    )


def _round_shade(rgb: Rgb) -> HsvRange:
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in rgb))
    centre, full, bright = round(hue * 180) % 180, round(saturation * 255), round(value * 255)
    if full < 40:  # nearly grey: every hue will do
        return HsvRange(((0, 179),), (0, full + 30), (max(bright - 40, 0), min(bright + 40, 255)))
    low, high = centre - 9, centre + 9
    hues = [(max(low, 0), min(high, 179))]
    hues += [(low + 180, 179)] if low < 0 else [(0, high - 180)] if high > 179 else []
    return HsvRange(tuple(hues), (max(full - 90, 30), 255), (max(bright - 75, 0), min(bright + 75, 255)))


def _overlap(one: list[int], other: list[int]) -> list[int]:
    return [max(one[0], other[0]), min(one[1], other[1])]


def _rgb(code: str) -> Rgb:
    digits = code[1:] if len(code) == 7 else "".join(2 * digit for digit in code[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _longest_first(names: list[str]) -> str:
    return "|".join(sorted((re.escape(name).replace("\\ ", "[ -]") for name in names), key=len, reverse=True))


def _names() -> str:
    return _longest_first(list(colors()))


def _shades() -> str:
    return _longest_first(list(lexicon()["shades"]))


@cache
def _with_shade() -> re.Pattern[str]:
    return re.compile(rf"(?:({_shades()}) )?({_names()})(?:ish)?".replace("[ -]", " "))


def flat_color(words: str) -> Rgb | None:
    """The color of a flat area that is drawn in the color that `words` name, or None: black is black, red is #ff0000.

    That of CSS where CSS has the name; else the lexicon's, whose shades are what things of that color look like.
    """
    joined = re.sub(r"\s+", "", words.strip().lower())
    if joined in set(webcolors.names("css3")):
        red, green, blue = webcolors.name_to_rgb(joined)
        return red, green, blue
    return color_named(words)
