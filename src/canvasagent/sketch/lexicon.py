"""Words of the scene grammar: every phrase that means something, and what it means."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from canvasagent.english.noun_phrase import Entry, Token, Vocabulary, words_for_relations, words_for_things
from canvasagent.english.nouns import plural
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.sprite import all_sprites

_TABLES = {
    "spots": "spot", "places": "place", "words": "words", "looks": "look", "light": "light",
}  # fmt: skip
_SPECIAL = {
    "no": "none", "without": "none", "zero": "none", "with": "with", "it": "it", "them": "it", "background": "ground",
}  # fmt: skip


@cache
def data() -> dict[str, Any]:
    """What words.toml holds, read once."""
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))


@cache
def vocabulary() -> Vocabulary:
    """Every known phrase. A noun's meaning comes first where a phrase has several."""
    return Vocabulary(_entries())


def _entries() -> Iterator[Entry]:
    yield from ((word, sort, None) for word, sort in _SPECIAL.items())
    for name, sprite in all_sprites().items():
        yield from ((word, "noun", name) for word in (name, *sprite.info.synonyms))
        yield from ((word, "nouns", name) for word in (sprite.info.plural, *map(plural, sprite.info.synonyms)))
    for name, background in all_backgrounds().items():
        yield from ((word, "background", name) for word in (name, *background.info.synonyms))
    for table, sort in _TABLES.items():
        yield from ((phrase, sort, value) for phrase, value in data()[table].items())
    yield from words_for_relations()
    yield from words_for_things()
    yield from ((word, "filler", None) for word in data()["filler"]["words"])


def phrases() -> dict[str, Token]:
    """Every known phrase and what it means."""
    return vocabulary().words


def tokens(prompt: str) -> tuple[list[Token], list[str]]:
    """The prompt as known phrases, longest first, and the words that mean nothing here."""
    found = vocabulary().tokens(prompt)
    return found, list(dict.fromkeys(token.text.lower() for token in found if token.sort == "unknown"))


def suggestion(word: str) -> str | None:
    """The known noun that is most like an unknown word, if one is."""
    nouns = [phrase for phrase, token in phrases().items() if token.sort in ("noun", "background")]
    return next(iter(difflib.get_close_matches(word, nouns, 1, 0.8)), None)
