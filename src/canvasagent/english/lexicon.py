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


def normalised(words: str) -> str:
    """`words` in lower case, hyphens as spaces, single spaces."""
    return " ".join(words.lower().replace("-", " ").split())
