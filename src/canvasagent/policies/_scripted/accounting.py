"""Which words of a clause its step uses, and which are left over.

A pattern of the data files uses the words that it spells out. What it lets pass as any word (`.*`, `\\w+`), and what it
hands on in a named group, is used only where a reader says so: it appends the words that it read to a list.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from canvasagent.policies._scripted.patterns import knowledge, rule

_WORD = re.compile(r"⟪\d+⟫|\d+(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*|%|°")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, marks of quotations among them."""
    return _WORD.findall(text.lower())


def left_over(hit: re.Match[str], used: Sequence[str]) -> tuple[str, ...]:
    """The words in the groups of a match of a `watched` pattern that are not `used`, without free words."""
    spans = [hit.span(name) for name in hit.re.groupindex]
    words = (word for word in _WORD.finditer(hit.string) if any(word.start() < b and a < word.end() for a, b in spans))
    return without([word[0] for word in words], used)


def without(words: Sequence[str], used: Sequence[str]) -> tuple[str, ...]:
    """The words that are neither `used` nor free, in order; a word that was used once is taken off once."""
    rest, kept = Counter(words_of(" ".join(used))), list[str]()
    for word in words:
        if rest[word.lower()]:
            rest[word.lower()] -= 1
        elif word.lower() not in free_words():
            kept.append(word)
    return tuple(kept)


@cache
def free_words() -> frozenset[str]:
    """Words without a task of their own: closed-class words and courtesies."""
    return frozenset(" ".join(knowledge()["free"].values()).split())


def is_decisive(words: Sequence[str]) -> bool:
    """Whether words that are left over say how much, how often or what not, so that the result would be wrong."""
    return rule("decisive").search(" ".join(words)) is not None
