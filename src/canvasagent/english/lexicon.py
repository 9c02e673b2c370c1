"""The lexicon: what words mean, from `lexicon.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def lexicon() -> dict[str, Any]:
    """The tables of `lexicon.toml`, read once."""
    return tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text("utf-8"))


@cache
def numbers() -> dict[str, int]:
    """What words for numbers come to: 'two', 'second' and 'twice' are 2, 'last' is -1."""
    table = lexicon()
    words = {**table["counts"], **table["ordinals"], **table["multiples"]}
    return {word: number for word, number in words.items() if word not in ("a", "an")}


@cache
def translations() -> dict[str, dict[str, str]]:
    """From a language to its words for English ones, from `translations.toml`; both in lower case."""
    text = files(__package__).joinpath("translations.toml").read_text("utf-8")
    found: dict[str, dict[str, str]] = tomllib.loads(text)["translations"]
    return found


def normalised(words: str) -> str:
    """`words` in lower case, hyphens as spaces, single spaces."""
    return " ".join(words.lower().replace("-", " ").split())
