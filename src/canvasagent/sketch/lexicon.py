"""Words of the scene grammar: every phrase that means something, and what it means."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from canvasagent.english.colors import colors, drawn_color
from canvasagent.english.lexicon import lexicon
from canvasagent.english.nouns import plural
from canvasagent.english.quotations import Quotes
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.sprite import all_sprites

Sort = Literal[
    "sprite", "background", "count", "size", "color", "relation", "spot", "place", "words", "look", "light",
    "filler", "quote", "stop", "none", "with", "it", "the", "ground", "unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A phrase of the prompt and what it means."""

    sort: Sort
    value: Any
    text: str
    also: tuple[Token, ...] = ()
    """Other meanings of the same phrase: 'orange' is a fruit and a colour."""


_WORD = re.compile(r"⟪\d+⟫|-?\d+|[a-z]+(?:['’-][a-z]+)*|[.,;:!?]")
_TABLES: dict[str, Sort] = {
    "relations": "relation", "spots": "spot", "places": "place", "words": "words", "looks": "look", "light": "light",
}  # fmt: skip


@cache
def data() -> dict[str, Any]:
    """What words.toml holds, read once."""
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))


@cache
def phrases() -> dict[str, Token]:
    """Every known phrase. A noun's meaning comes first where a phrase has several."""
    found: dict[str, list[Token]] = {}

    def add(phrase: str, sort: Sort, value: Any) -> None:
        found.setdefault(phrase, []).append(Token(sort, value, phrase))

    for name, sprite in all_sprites().items():
        for word in dict.fromkeys(
            [name, sprite.info.plural, *sprite.info.synonyms, *map(plural, sprite.info.synonyms)]
        ):
            add(word, "sprite", name)
    for name, background in all_backgrounds().items():
        for word in dict.fromkeys([name, *background.info.synonyms]):
            add(word, "background", name)
    for table, sort in _TABLES.items():
        for phrase, value in data()[table].items():
            add(phrase, sort, value)
    for phrase, number in (lexicon()["counts"] | lexicon()["vague_counts"]).items():
        add(phrase, "count", number)
    for phrase, scale in lexicon()["sizes"].items():
        add(phrase, "size", scale)
    for phrase in colors():
        add(phrase, "color", drawn_color(phrase))
    for word in data()["filler"]["words"]:
        add(word, "filler", None)
    special: tuple[tuple[str, Sort], ...] = (
        ("no", "none"), ("without", "none"), ("zero", "none"), ("with", "with"), ("it", "it"), ("them", "it"),
        ("the", "the"), ("background", "ground"),
    )  # fmt: skip
    for word, sort in special:
        found[word] = [Token(sort, None, word)]
    return {
        phrase: Token(tokens[0].sort, tokens[0].value, phrase, tuple(tokens[1:])) for phrase, tokens in found.items()
    }


def tokens(prompt: str) -> tuple[list[Token], list[str]]:
    """The prompt as known phrases, longest first, and the words that mean nothing here."""
    text, quotes = Quotes.take(prompt)
    words = _WORD.findall(text.lower().replace("’", "'"))
    known, longest = phrases(), max(phrase.count(" ") + 1 for phrase in phrases())
    result: list[Token] = []
    unknown: list[str] = []
    position = 0
    while position < len(words):
        for length in range(min(longest, len(words) - position), 0, -1):
            phrase = " ".join(words[position : position + length])
            if phrase in known:
                result.append(known[phrase])
                position += length
                break
        else:
            token = _single(words[position], quotes.texts)
            unknown += [token.text] if token.sort == "unknown" else []
            result.append(token)
            position += 1
    return result, list(dict.fromkeys(unknown))


def _single(word: str, quotes: Sequence[str]) -> Token:
    if word.startswith("⟪"):
        return Token("quote", quotes[int(word[1:-1])], word)
    if re.fullmatch(r"-?\d+", word):
        return Token("count", int(word[:7]), word)
    if word in ".,;:!?":
        return Token("stop", None, word)
    for part in (word.removesuffix("'s"), word.replace("-", " ")):
        if part in phrases():
            return phrases()[part]
    return Token("unknown", None, word)


def suggestion(word: str) -> str | None:
    """The known noun that is most like an unknown word, if one is."""
    nouns = [phrase for phrase, token in phrases().items() if token.sort in ("sprite", "background")]
    return next(iter(difflib.get_close_matches(word, nouns, 1, 0.8)), None)
