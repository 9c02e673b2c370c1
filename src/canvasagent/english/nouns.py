"""Nouns: plural and singular, `a` and `an`."""

from __future__ import annotations

import re
from functools import cache

from canvasagent.english.lexicon import lexicon

_AN = re.compile(
    r"(?!one\b|once\b|uni(?![nm])|us[aeu]|eu|ewe|uku|ut[ei]|ura)[aeiou]|hour|heir|honest|hono|8|11\b|18\b|x-ray",
    re.IGNORECASE,
)
_NO_MEN = ("human", "german", "roman", "caiman", "talisman", "ottoman")
_IN_COMPOUNDS = ("man", "woman", "child", "shelf", "fish", "tooth", "craft", "person", "mouse", "goose")
_SINGULAR_S = ("lens", "gas", "atlas", "canvas", "christmas", "pancreas")
_AFTER_HEAD = re.compile(r"(?= (?:from|in|on|at|of|with|next|near|under|behind|above|below) )")


@cache
def plural(phrase: str) -> str:
    """A noun phrase for several: `red cup` gives `red cups`, `man in the boat` gives `men in the boat`."""
    head, *rest = _AFTER_HEAD.split(phrase, maxsplit=1)
    before, last = _last_word(head)
    irregular = _irregular(last)
    if irregular is not None:
        last = last.removesuffix(irregular[0]) + irregular[1]
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return before + last + "".join(rest)


@cache
def singular(phrase: str) -> str:
    """A noun phrase for one: `red cups` gives `red cup`; what is no plural stays."""
    head, *rest = _AFTER_HEAD.split(phrase, maxsplit=1)
    before, last = _last_word(head)
    plurals: dict[str, str] = lexicon()["plurals"]
    for one, many in plurals.items():
        if last.endswith(many) and (last == many or _irregular(last.removesuffix(many) + one) == (one, many)):
            return before + last.removesuffix(many) + one + "".join(rest)
    return before + _regular_singular(last) + "".join(rest)


def is_plural_noun(noun: str) -> bool:
    """Whether a noun is the plural of another."""
    return singular(noun) != noun


def article(phrase: str) -> str:
    """`a` or `an`, by the sound of the first word."""
    return "an" if _AN.match(phrase) else "a"


def _irregular(word: str) -> tuple[str, str] | None:
    """The irregular noun that a word is or ends with (`bookshelf`), and its plural."""
    if word in _NO_MEN:
        return None
    table: dict[str, str] = lexicon()["plurals"]
    fits = (one for one in table if word == one or (len(one) > 2 and word.endswith(one) and one in _IN_COMPOUNDS))
    one = next(fits, None)
    return None if one is None else (one, table[one])


def _regular_singular(word: str) -> str:
    if re.search(r"[^aeiou]ies$", word) and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(?:ch|sh|ss|x|zz|[^aeo]us)es$", word):
        return word[:-2]
    return word[:-1] if re.search(r"[^siu]s$", word) and word not in _SINGULAR_S else word


def _last_word(phrase: str) -> tuple[str, str]:
    """What comes before the last word, hyphens counted as spaces, and the last word."""
    match = re.search(r"[^\s-]*$", phrase)
    start = match.start() if match else 0
    return phrase[:start], phrase[start:]
