"""Which colour word fits a colour: nearest of a few examples for each word, in CIE L*a*b*."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Annotated

import cv2
import numpy as np
from pydantic import AfterValidator

from canvasagent.english.colors import color_named
from canvasagent.rewards.checks._drawn import AIRS

Rgb = tuple[int, int, int]

WORDS: dict[str, tuple[str, ...]] = {
    "red": ("e02020", "b01818", "d64040", "8c1a1a", "f05548"),
    "orange": ("f08020", "e89030", "d07018", "ffa850"),
    "yellow": ("f5d030", "e8c020", "fff080", "d8b830"),
    "green": ("30a040", "1e6030", "80c860", "60b030", "a0d890", "507838"),
    "turquoise": ("20b0a8", "50c8c0", "108080"),
    "blue": ("3070d0", "1c3a80", "80b8f0", "2040c0", "58a0e0", "203060"),
    "purple": ("8040b8", "502080", "a878d0", "6848a0"),
    "pink": ("f080b0", "f8b0c8", "e05890", "d040a0"),
    "brown": ("805030", "603818", "a87848", "b5763a"),
    "white": ("ffffff", "f0f0ec", "e6e9ee"),
    "grey": ("8c9196", "606468", "b4b8bc", "a0a4a8"),
    "black": ("101012", "2a2c32"),
    "beige": ("dcc7a0", "e8d8b8"),
}


def named(word: str) -> str:
    """The word of `WORDS` that a color word counts as: `crimson` as red, `navy` as blue; light and dark do not matter.

    Raises `ValueError` for what is no color.
    """
    plain = re.sub(r"^(?:light|dark|bright|pale|deep|very) ", "", word.lower().strip())
    if plain in WORDS:
        return plain
    rgb = color_named(plain) or color_named(word)
    if rgb is None:
        close = difflib.get_close_matches(plain, WORDS, 1)
        raise ValueError(
            f"'{word}' is no color known here; {'did you mean ' + close[0] if close else ', '.join(WORDS)}"
        )
    return best_word(rgb)


ColorWord = Annotated[str, AfterValidator(named)]
"""A colour word; "light" and "dark" before it are ignored."""


@cache
def _lab_words() -> dict[str, np.ndarray]:
    return {
        word: lab([tuple(int(code[i : i + 2], 16) for i in (0, 2, 4)) for code in codes])  # type: ignore[misc]
        for word, codes in WORDS.items()
    }


def lab(colors: list[Rgb]) -> np.ndarray:
    """(n, 3) float32 L*a*b* of colours."""
    pixels = np.array(colors, np.float32)[None] / 255
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], dtype=np.float32)


def distances(color: Rgb) -> dict[str, float]:
    """Colour word → distance of its nearest example; lightness counts half."""
    scale = np.array([0.5, 1, 1], np.float32)
    own = lab([color])[0]
    return {word: float((np.linalg.norm((own - tones) * scale, axis=1)).min()) for word, tones in _lab_words().items()}


def best_word(color: Rgb) -> str:
    """The colour word that fits best."""
    by_word = distances(color)
    return min(by_word, key=lambda word: by_word[word])


def fits(color: Rgb, word: str) -> tuple[bool, float]:
    """Whether a colour may be called so, as seen or as it is without night or weather; and the nearest distance.

    It may where the word is the nearest, or at most 6 further than the nearest, and within 30.
    """
    nearest, passed = 99.0, False
    for share, veil in AIRS[:2]:
        red, green, blue = (
            round(min(max((value - share * over) / (1 - share), 0), 255))
            for value, over in zip(color, veil, strict=True)
        )
        by_word = distances((red, green, blue))
        nearest = min(nearest, by_word[word])
        passed |= by_word[word] <= min(by_word.values()) + 6 and by_word[word] <= 30
    return passed, nearest
