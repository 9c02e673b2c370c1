"""Common slips of spelling, put right (`spelling.toml`)."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files


def respelled(text: str) -> str:
    """`text` with common slips of spelling put right; initials ("R.") are left as they are."""
    return re.sub(r"[^\W\d_]+\d?", lambda word: _respelled(word[0]), text)


def _respelled(word: str) -> str:
    return word if len(word) == 1 and word.isupper() else _slips().get(word.lower(), word)


@cache
def _slips() -> dict[str, str]:
    """From a slip to what is meant: listed ones, and a letter missed, doubled or two swapped in frequent words."""
    data = tomllib.loads(files(__package__).joinpath("spelling.toml").read_text("utf-8"))
    cuts = [(word, word[:at], word[at:]) for word in data["often_misspelt"] for at in range(1, len(word))]
    slips = {before + after[1:]: word for word, before, after in cuts}
    slips |= {before + after[0] + after: word for word, before, after in cuts}
    slips |= {before + after[1::-1] + after[2:]: word for word, before, after in cuts}
    real = {*data["often_misspelt"], *data["spelled_right"]}
    listed: dict[str, str] = data["slips"]
    return {slip: word for slip, word in slips.items() if slip not in real} | listed
