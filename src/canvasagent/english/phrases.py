"""Noun phrases: their head and number, and what goes before them."""

from __future__ import annotations

import re
from functools import cache

from canvasagent.english.lexicon import lexicon
from canvasagent.english.nouns import article, is_plural_noun

_NUMBERS = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "several", "some", "many"}
_DETERMINERS = {"a", "an", "the", "my", "his", "her", "its", "their", "our", "this", "that", "another", "no", "both"}
_PREPOSITIONS = {"in", "on", "at", "under", "over", "inside", "with", "near", "by"}


def head_of(phrase: str) -> str:
    """The noun of a phrase: `tree` of `second tree from the left`."""
    before = re.split(r" (?:from|in|on|at|of|with|next|near|under|behind|above|below|to|by|beside|that|who) ", phrase)[
        0
    ]
    return before.lower()


@cache
def resting(where: str) -> str:
    """Where a thing is that was moved there: what is moved to the left then stands on the left."""
    where = re.sub(r"^to (the \S+ side\b|the (?:left|right)$)", r"on \1", where)
    return re.sub(r"^to (the .*\bcorner|the middle|the centre)", r"in \1", where)


def is_plural(phrase: str) -> bool:
    """Whether a phrase takes a plural verb: `scissors`, `two dogs`."""
    words = phrase.lower().split()
    if words and words[0] in _NUMBERS - {"one"}:
        return True
    head = head_of(phrase)
    nouns = lexicon()["phrases"]
    return any(head == noun or head.endswith(" " + noun) for noun in nouns["plural"])


@cache
def with_article(phrase: str) -> str:
    """`phrase` as a new thing: `a dog`, `an apple`, `some scissors`, `snow`."""
    words = phrase.lower().split()
    if not words or words[0] in _NUMBERS | _DETERMINERS | _PREPOSITIONS or words[0].isdigit():
        return phrase
    nouns = lexicon()["phrases"]
    head = head_of(phrase)
    if any(head == noun or head.endswith(" " + noun) for noun in nouns["mass"]):
        return phrase
    if any(head == noun for noun in nouns["definite"]):
        return f"the {phrase}"
    if is_plural(phrase) or is_plural_noun(head):
        return f"some {phrase}"
    return article(phrase) + " " + phrase


@cache
def definite(phrase: str) -> str:
    """`phrase` as a known thing: `the dog`."""
    words = phrase.lower().split()
    return phrase if words and words[0] in _DETERMINERS - {"a", "an", "no", "another"} else f"the {phrase}"
